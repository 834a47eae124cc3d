# rust/text as a static library. Its target folder lies beside its sources, so all build folders share one compiled
# result; cargo's own lock keeps builds that meet apart.
set(HEADROOM_CARGO_TARGET_DIR ${CMAKE_SOURCE_DIR}/rust/text/target CACHE PATH "Cargo's target folder for rust/text")
set(HEADROOM_RUST_MINIMUM 1.85)

# The first cargo that is new enough. Debian names the package cargo-web and its program cargo; its older package
# `cargo` installs a program of the same name that cannot build this.
function(headroom_find_cargo)
  set(candidates $ENV{CARGO} cargo $ENV{HOME}/.cargo/bin/cargo /usr/bin/cargo /opt/homebrew/bin/cargo cargo-web)
  set(seen "")
  foreach(candidate IN LISTS candidates)
    unset(found CACHE)
    find_program(found NAMES ${candidate} NO_CACHE)
    if(NOT found)
      continue()
    endif()
    # `cargo --version` may be asked by rustup's proxy in a folder without a toolchain: its failure means no.
    execute_process(COMMAND ${found} --version OUTPUT_VARIABLE words ERROR_QUIET RESULT_VARIABLE failed)
    if(failed OR NOT words MATCHES "cargo ([0-9]+\\.[0-9]+\\.[0-9]+)")
      continue()
    endif()
    if(CMAKE_MATCH_1 VERSION_GREATER_EQUAL HEADROOM_RUST_MINIMUM)
      set(HEADROOM_CARGO ${found} CACHE FILEPATH "cargo, ${HEADROOM_RUST_MINIMUM} or newer")
      message(STATUS "cargo ${CMAKE_MATCH_1}: ${found}")
      return()
    endif()
    list(APPEND seen "${found} is ${CMAKE_MATCH_1}")
  endforeach()
  message(FATAL_ERROR "no cargo ${HEADROOM_RUST_MINIMUM} or newer (${seen}): install Rust, on Debian the packages "
                      "cargo-web and rustc-web, or set HEADROOM_CARGO")
endfunction()
if(NOT HEADROOM_CARGO)
  headroom_find_cargo()
endif()

file(GLOB_RECURSE rust_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/rust/text/src/*.rs)
set(rust_library ${HEADROOM_CARGO_TARGET_DIR}/release/libheadroom_text.a)
add_custom_command(
  OUTPUT ${rust_library}
  COMMAND ${HEADROOM_CARGO} build --release --locked --quiet --manifest-path ${CMAKE_SOURCE_DIR}/rust/text/Cargo.toml
          --target-dir ${HEADROOM_CARGO_TARGET_DIR}
  # Cargo leaves the file as it is when nothing that counts has changed; Ninja would then ask again each time.
  COMMAND ${CMAKE_COMMAND} -E touch ${rust_library}
  DEPENDS ${rust_sources} ${CMAKE_SOURCE_DIR}/rust/text/Cargo.toml ${CMAKE_SOURCE_DIR}/rust/text/Cargo.lock
  COMMENT "Compiling rust/text (about three minutes the first time)"
  USES_TERMINAL VERBATIM)
add_custom_target(headroom_text_rust DEPENDS ${rust_library})
add_dependencies(headroom_text headroom_text_rust)
target_include_directories(headroom_text SYSTEM PRIVATE ${CMAKE_SOURCE_DIR}/rust/text/include)
target_link_libraries(headroom_text PRIVATE ${rust_library} Threads::Threads ${CMAKE_DL_LIBS})
if(NOT APPLE)
  target_link_libraries(headroom_text PRIVATE m)
endif()
