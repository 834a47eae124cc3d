# MLX from the backend wheel that scripts/setup unpacked into third_party/mlx (ARCHITECTURE.md, "MLX").
# The target `headroom_mlx` carries include folders, link order and run path.
set(HEADROOM_MLX_ROOT ${CMAKE_SOURCE_DIR}/third_party/mlx CACHE PATH "Folder with the unpacked wheels")
if(NOT EXISTS ${HEADROOM_MLX_ROOT}/mlx/include/mlx/mlx.h)
  message(FATAL_ERROR "no MLX in ${HEADROOM_MLX_ROOT}: run scripts/setup, or configure with -DHEADROOM_MLX=OFF")
endif()
set(HEADROOM_MLX_VARIANT cpu)
if(EXISTS ${HEADROOM_MLX_ROOT}/VARIANT)
  file(STRINGS ${HEADROOM_MLX_ROOT}/VARIANT HEADROOM_MLX_VARIANT LIMIT_COUNT 1)
endif()
add_library(headroom_mlx INTERFACE)
target_include_directories(headroom_mlx SYSTEM INTERFACE ${HEADROOM_MLX_ROOT}/mlx/include)
target_link_directories(headroom_mlx INTERFACE ${HEADROOM_MLX_ROOT}/mlx/lib)
if(HEADROOM_MLX_VARIANT STREQUAL "cpu" AND NOT APPLE)
  # Ahead of libmlx, so that its BLAS calls bind to OpenBLAS: 5 -> 165 GFLOP/s in float32 (bench/README.md).
  find_library(HEADROOM_OPENBLAS openblas REQUIRED)
  target_link_options(headroom_mlx INTERFACE -Wl,--no-as-needed)
  target_link_libraries(headroom_mlx INTERFACE ${HEADROOM_OPENBLAS})
elseif(HEADROOM_MLX_VARIANT STREQUAL "cuda")
  # NVIDIA's libraries are found at run time through libmlx's own run path.
  target_link_options(headroom_mlx INTERFACE -Wl,--allow-shlib-undefined)
endif()
target_link_libraries(headroom_mlx INTERFACE mlx)
target_link_options(headroom_mlx INTERFACE -Wl,-rpath,${HEADROOM_MLX_ROOT}/mlx/lib)
