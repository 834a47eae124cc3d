target_link_libraries(headroom_base PUBLIC fmt::fmt nlohmann_json::nlohmann_json Threads::Threads PRIVATE PkgConfig::XXHASH)
configure_file(${CMAKE_CURRENT_LIST_DIR}/version.h.in ${CMAKE_BINARY_DIR}/generated/base/version.h @ONLY)
target_include_directories(headroom_base PUBLIC ${CMAKE_BINARY_DIR}/generated)
