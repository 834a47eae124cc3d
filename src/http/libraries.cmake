# Its declarations only: the library is opened when a server is asked (curl_library.h).
pkg_check_modules(CURL REQUIRED libcurl>=7.85)
target_include_directories(headroom_http SYSTEM PRIVATE ${CURL_INCLUDE_DIRS})
target_link_libraries(headroom_http PRIVATE ${CMAKE_DL_LIBS})
