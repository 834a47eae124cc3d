# One folder for each operating system, behind the same headers.
if(APPLE)
  set(system macos)
else()
  set(system linux)
endif()
file(GLOB system_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/worker/${system}/*.cpp)
target_sources(headroom_worker PRIVATE ${system_sources})
