# One folder for each operating system, behind the same headers.
if(APPLE)
  set(system macos)
else()
  set(system linux)
endif()
file(GLOB system_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/memory/${system}/*.cpp)
file(GLOB policy_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/memory/policies/*.cpp)
target_sources(headroom_memory PRIVATE ${system_sources} ${policy_sources})
