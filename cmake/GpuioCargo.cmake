# Runs cargo: target `gpuio_cargo` makes GPUIO_ARCHIVE, the Rust core plus the compiled cpp/src;
# target `gpuio_cli` makes GPUIO_PROGRAM, the program gpuio.
#
# Sets for the tests: GPUIO_CARGO_ENV (a command prefix), GPUIO_CARGO_FLAGS.
include_guard()

find_program(GPUIO_CARGO cargo HINTS "$ENV{HOME}/.cargo/bin" DOC "Rust's cargo")
if(NOT GPUIO_CARGO)
  message(FATAL_ERROR "gpuio: cargo was not found. Install Rust 1.85 or newer (https://rustup.rs), "
    "or name it by -DGPUIO_CARGO=.../cargo.")
endif()

if(CMAKE_BUILD_TYPE STREQUAL "Debug" OR NOT CMAKE_BUILD_TYPE)
  set(gpuio_profile dev)
  set(gpuio_profile_dir debug)
else()
  set(gpuio_profile release)
  set(gpuio_profile_dir release)
endif()

set(gpuio_target_dir "${GPUIO_CARGO_TARGET_DIR}")
set(gpuio_env "")
set(GPUIO_CARGO_FLAGS --locked)
if(GPUIO_CARGO_OFFLINE)
  list(APPEND GPUIO_CARGO_FLAGS --offline)
endif()
if(GPUIO_WERROR)
  list(APPEND gpuio_env GPUIO_BUILD_WERROR=1)
endif()

# cargo's C++ compiler is `c++` unless told otherwise. It is told only if that is not CMake's: the
# variable is part of cargo's fingerprint, and a plain `cargo test` beside would rebuild each time.
find_program(gpuio_default_cxx c++ NO_CACHE)
file(REAL_PATH "${gpuio_default_cxx}" gpuio_default_cxx)
file(REAL_PATH "${CMAKE_CXX_COMPILER}" gpuio_cmake_cxx)
if(NOT gpuio_default_cxx STREQUAL gpuio_cmake_cxx)
  list(APPEND gpuio_env "CXX=${CMAKE_CXX_COMPILER}")
endif()

if(gpuio_sanitizers)
  # A folder of its own, because every crate is built anew. --target keeps the flags away from
  # build scripts and procedural macros. RUSTC_BOOTSTRAP: -Z on a stable compiler. std itself stays
  # uninstrumented, which rustc calls an ABI mismatch; for these sanitizers it is harmless.
  list(JOIN gpuio_sanitizers "-" gpuio_sanitize_name)
  list(JOIN gpuio_sanitize_flags " " gpuio_sanitize_text)
  string(APPEND gpuio_target_dir "/${gpuio_sanitize_name}")
  set(gpuio_rustflags "")
  foreach(sanitizer IN LISTS gpuio_sanitizers)
    if(NOT sanitizer STREQUAL "undefined")
      string(APPEND gpuio_rustflags
        "-Zsanitizer=${sanitizer} -Cunsafe-allow-abi-mismatch=sanitizer ")
    endif()
  endforeach()
  foreach(argument IN LISTS gpuio_tsan_object gpuio_tsan_wraps)
    string(APPEND gpuio_rustflags "-Clink-arg=${argument} ")
  endforeach()
  execute_process(COMMAND ${GPUIO_CARGO} -vV OUTPUT_VARIABLE gpuio_cargo_version
    COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCH "host: ([^\n]+)" gpuio_host "${gpuio_cargo_version}")
  set(gpuio_host "${CMAKE_MATCH_1}")
  list(APPEND GPUIO_CARGO_FLAGS --target ${gpuio_host})
  list(APPEND gpuio_env RUSTC_BOOTSTRAP=1 "RUSTFLAGS=${gpuio_rustflags}"
    "CXXFLAGS=${gpuio_sanitize_text}")
  set(gpuio_archive_dir "${gpuio_target_dir}/${gpuio_host}/${gpuio_profile_dir}")
else()
  set(gpuio_archive_dir "${gpuio_target_dir}/${gpuio_profile_dir}")
endif()

set(GPUIO_CARGO_ENV ${CMAKE_COMMAND} -E env "CARGO_TARGET_DIR=${gpuio_target_dir}" ${gpuio_env})
set(GPUIO_ARCHIVE "${gpuio_archive_dir}/libgpuio.a")

# Cargo's dependency file names every .rs, .cpp and header, but no manifest.
file(GLOB gpuio_manifests CONFIGURE_DEPENDS
  "${PROJECT_SOURCE_DIR}/Cargo.*" "${PROJECT_SOURCE_DIR}/rust/*/Cargo.toml"
  "${PROJECT_SOURCE_DIR}/bindings/Cargo.toml" "${PROJECT_SOURCE_DIR}/bindings/artifact/Cargo.toml")

# The touch: if cargo finds that nothing it knows of has changed, the archive keeps its old time,
# and the build tool would call cargo again and again.
add_custom_command(
  OUTPUT "${GPUIO_ARCHIVE}"
  DEPENDS ${gpuio_manifests}
  DEPFILE "${gpuio_archive_dir}/libgpuio.d"
  COMMAND ${GPUIO_CARGO_ENV} ${GPUIO_CARGO} build --profile ${gpuio_profile} -p gpuio-artifact
    ${GPUIO_CARGO_FLAGS}
  COMMAND ${CMAKE_COMMAND} -E touch "${GPUIO_ARCHIVE}"
  WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
  COMMENT "cargo build (${gpuio_profile})"
  USES_TERMINAL
  VERBATIM)
add_custom_target(gpuio_cargo ALL DEPENDS "${GPUIO_ARCHIVE}")

# Not under a sanitizer: the tests of the program build it for themselves.
if(GPUIO_BUILD_CLI AND NOT gpuio_sanitizers)
  set(GPUIO_PROGRAM "${gpuio_archive_dir}/gpuio")
  add_custom_command(
    OUTPUT "${GPUIO_PROGRAM}"
    DEPENDS ${gpuio_manifests}
    DEPFILE "${gpuio_archive_dir}/gpuio.d"
    COMMAND ${GPUIO_CARGO_ENV} ${GPUIO_CARGO} build --profile ${gpuio_profile} -p gpuio-cli
      ${GPUIO_CARGO_FLAGS}
    COMMAND ${CMAKE_COMMAND} -E touch "${GPUIO_PROGRAM}"
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
    COMMENT "cargo build of the program gpuio (${gpuio_profile})"
    USES_TERMINAL
    VERBATIM)
  add_custom_target(gpuio_cli ALL DEPENDS "${GPUIO_PROGRAM}")
  # One after the other: cargo would make the second one wait anyway.
  add_dependencies(gpuio_cli gpuio_cargo)
endif()
