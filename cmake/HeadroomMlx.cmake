# MLX from the backend wheel that scripts/setup unpacked into third_party/mlx (ARCHITECTURE.md, "MLX").
# The imported target `headroom_mlx` carries include folders and link order.
set(HEADROOM_MLX_ROOT ${CMAKE_SOURCE_DIR}/third_party/mlx/mlx CACHE PATH "The wheel's mlx folder")
if(NOT EXISTS ${HEADROOM_MLX_ROOT}/include/mlx/mlx.h)
  message(FATAL_ERROR "no MLX in ${HEADROOM_MLX_ROOT}: run scripts/setup, or configure with -DHEADROOM_MLX=OFF")
endif()
add_library(headroom_mlx INTERFACE)
target_include_directories(headroom_mlx SYSTEM INTERFACE ${HEADROOM_MLX_ROOT}/include)
target_link_directories(headroom_mlx INTERFACE ${HEADROOM_MLX_ROOT}/lib)
if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND NOT HEADROOM_MLX_CUDA)
  # Ahead of libmlx, so that its BLAS calls bind to OpenBLAS: 5 -> 165 GFLOP/s in float32 (bench/README.md).
  find_library(HEADROOM_OPENBLAS openblas REQUIRED)
  target_link_options(headroom_mlx INTERFACE -Wl,--no-as-needed)
  target_link_libraries(headroom_mlx INTERFACE ${HEADROOM_OPENBLAS})
endif()
target_link_libraries(headroom_mlx INTERFACE mlx)
target_link_options(headroom_mlx INTERFACE -Wl,-rpath,${HEADROOM_MLX_ROOT}/lib)
