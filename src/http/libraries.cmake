pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl>=7.85)
target_link_libraries(headroom_http PRIVATE PkgConfig::CURL)
