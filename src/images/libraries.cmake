pkg_check_modules(JPEG REQUIRED IMPORTED_TARGET libjpeg)
pkg_check_modules(SPNG REQUIRED IMPORTED_TARGET spng)
pkg_check_modules(WEBP REQUIRED IMPORTED_TARGET libwebp libwebpdemux)
find_package(ZLIB REQUIRED)
target_link_libraries(headroom_images PRIVATE PkgConfig::JPEG PkgConfig::SPNG PkgConfig::WEBP ZLIB::ZLIB fmt::fmt)
# Resampling is exact only as long as a compiler joins no product and sum into one operation.
set_source_files_properties(${CMAKE_CURRENT_LIST_DIR}/resize_filters.cpp PROPERTIES COMPILE_OPTIONS
                            "-ffp-contract=off")
# Its loops are worth nothing unless they are vectorised, in tests least of all.
set_source_files_properties(${CMAKE_CURRENT_LIST_DIR}/resize.cpp PROPERTIES COMPILE_OPTIONS "-O3")
