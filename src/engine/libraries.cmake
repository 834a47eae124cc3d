target_link_libraries(headroom_engine PUBLIC headroom_mlx)
# Our float32 kernels need a CBLAS and MLX's CPU backend; other builds use MLX's own operations.
if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND HEADROOM_MLX_VARIANT STREQUAL "cpu")
  find_path(HEADROOM_CBLAS_INCLUDE cblas.h PATH_SUFFIXES openblas REQUIRED)
  target_include_directories(headroom_engine SYSTEM PRIVATE ${HEADROOM_CBLAS_INCLUDE})
  set(kernels attention.cpp dense.cpp loops.cpp primitive.cpp)
  list(TRANSFORM kernels PREPEND ${CMAKE_SOURCE_DIR}/src/engine/cpu/)
  target_sources(headroom_engine PRIVATE ${kernels})
  # Optimised also in debug builds: the tests run whole models through them.
  set_source_files_properties(${CMAKE_SOURCE_DIR}/src/engine/cpu/loops.cpp ${CMAKE_SOURCE_DIR}/src/engine/convert.cpp
                              PROPERTIES COMPILE_OPTIONS "-O3;-fno-math-errno;-ffp-contract=fast")
  if(HEADROOM_SANITIZE)
    # Versioned functions are resolved before the sanitizers' run time is up.
    set_source_files_properties(${CMAKE_SOURCE_DIR}/src/engine/cpu/loops.cpp
                                PROPERTIES COMPILE_DEFINITIONS HEADROOM_SANITIZED)
  endif()
else()
  target_sources(headroom_engine PRIVATE ${CMAKE_SOURCE_DIR}/src/engine/cpu/no_kernels.cpp)
endif()
