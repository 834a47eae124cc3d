# Makes the parts. Their table and the edges between them stand in HeadroomEdges.cmake: any other edge stops the configure
# step, and so does an include beside it (CheckIncludes.cmake), which lint and the tests look for too.
# A part is src/<name>/*.cpp with its public headers in src/<name>/include/<name>/, the only folder that it exports.

include(HeadroomEdges)
execute_process(COMMAND ${CMAKE_COMMAND} -DROOT=${CMAKE_SOURCE_DIR} -P ${CMAKE_CURRENT_LIST_DIR}/CheckIncludes.cmake
                COMMAND_ERROR_IS_FATAL ANY)

# Warnings, sanitizers and hardening that every target of ours gets; foreign code gets none of it.
function(headroom_options target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wconversion -Wshadow -Wno-missing-field-initializers)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # GCC 12 warns about "text" + std::string from -O2 on, wrongly (gcc.gnu.org/PR105651).
    target_compile_options(${target} PRIVATE -Wno-restrict)
  endif()
  if(HEADROOM_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  target_compile_definitions(${target} PRIVATE _GLIBCXX_ASSERTIONS)
  if(HEADROOM_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${HEADROOM_SANITIZE} -fno-omit-frame-pointer
                                             -fno-sanitize-recover=all)
    target_link_options(${target} PUBLIC -fsanitize=${HEADROOM_SANITIZE})
  endif()
endfunction()

function(headroom_part)
  cmake_parse_arguments(ARG "" "NAME" "DEPS" ${ARGN})
  if(NOT DEFINED HEADROOM_EDGES_${ARG_NAME})
    message(FATAL_ERROR "part '${ARG_NAME}' is not in the table of parts (cmake/HeadroomEdges.cmake)")
  endif()
  foreach(dep IN LISTS ARG_DEPS)
    if(NOT dep IN_LIST HEADROOM_EDGES_${ARG_NAME})
      message(FATAL_ERROR "part '${ARG_NAME}' may not depend on '${dep}'; allowed: ${HEADROOM_EDGES_${ARG_NAME}}")
    endif()
  endforeach()
  set(dir ${CMAKE_SOURCE_DIR}/src/${ARG_NAME})
  file(GLOB sources CONFIGURE_DEPENDS ${dir}/*.cpp)
  list(TRANSFORM ARG_DEPS PREPEND headroom_ OUTPUT_VARIABLE links)
  if(NOT sources)  # headers alone
    add_library(headroom_${ARG_NAME} INTERFACE)
    target_include_directories(headroom_${ARG_NAME} INTERFACE ${dir}/include)
    target_link_libraries(headroom_${ARG_NAME} INTERFACE ${links})
    return()
  endif()
  add_library(headroom_${ARG_NAME} STATIC ${sources})
  target_include_directories(headroom_${ARG_NAME} PUBLIC ${dir}/include PRIVATE ${dir})
  target_link_libraries(headroom_${ARG_NAME} PUBLIC ${links})
  headroom_options(headroom_${ARG_NAME})
  # What a part needs beyond our own parts stands in its own file.
  include(${dir}/libraries.cmake OPTIONAL)
endfunction()

# A test binary per part: tests/<name>/*.cpp.
function(headroom_tests)
  cmake_parse_arguments(ARG "" "NAME" "DEPS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/${ARG_NAME}/*.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(${ARG_NAME}_tests ${sources})
  set_target_properties(${ARG_NAME}_tests PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  list(TRANSFORM ARG_DEPS PREPEND headroom_ OUTPUT_VARIABLE links)
  target_link_libraries(${ARG_NAME}_tests PRIVATE ${links} GTest::gtest GTest::gtest_main)
  target_include_directories(${ARG_NAME}_tests PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_compile_definitions(${ARG_NAME}_tests PRIVATE
    HEADROOM_TEST_DATA="${CMAKE_SOURCE_DIR}/tests/data" HEADROOM_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
    HEADROOM_BUILD_DIR="${CMAKE_BINARY_DIR}")
  headroom_options(${ARG_NAME}_tests)
  include(GoogleTest)
  gtest_discover_tests(${ARG_NAME}_tests DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
                       PROPERTIES LABELS ${ARG_NAME} TIMEOUT 300)
endfunction()
