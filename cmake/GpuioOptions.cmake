# What a person can choose.
include_guard()

option(BUILD_SHARED_LIBS "Build libgpuio.so (ON) or install the static archive (OFF)" ON)
option(GPUIO_BUILD_TESTS "Build the tests and register them with CTest" ${PROJECT_IS_TOP_LEVEL})
option(GPUIO_BUILD_EXAMPLES "Build the example programs" ${PROJECT_IS_TOP_LEVEL})
option(GPUIO_BUILD_BENCHES "Build the benchmarks" OFF)
option(GPUIO_BUILD_CLI "Build the program gpuio" ${PROJECT_IS_TOP_LEVEL})
option(GPUIO_INSTALL "Create the install rules" ${PROJECT_IS_TOP_LEVEL})
option(GPUIO_WERROR "Treat compiler warnings as errors; meant for working on gpuio" OFF)
option(GPUIO_CARGO_OFFLINE "Forbid cargo to use the network" OFF)
set(GPUIO_CUDA AUTO CACHE STRING "Build the component cuda: AUTO (if nvcc is found), ON or OFF")
set_property(CACHE GPUIO_CUDA PROPERTY STRINGS AUTO ON OFF)
set(GPUIO_SANITIZE "" CACHE STRING
  "Sanitizers for C++ and, where rustc has them, Rust: address, thread, undefined; a list is fine")
set(GPUIO_CARGO_TARGET_DIR "${PROJECT_BINARY_DIR}/cargo" CACHE PATH
  "Cargo's target directory; several build folders may share one")

get_property(gpuio_multi_config GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
if(gpuio_multi_config)
  message(FATAL_ERROR "gpuio: ${CMAKE_GENERATOR} builds several configurations in one folder, and "
    "cargo builds one. Use -G Ninja or -G \"Unix Makefiles\" with a folder each.")
endif()
if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release, RelWithDebInfo or MinSizeRel" FORCE)
endif()

# Warnings for gpuio's own targets; users' targets never inherit them.
add_library(gpuio_warnings INTERFACE)
target_compile_options(gpuio_warnings INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra>
  $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:${GPUIO_WERROR}>>:-Werror>)

# Flags rather than a target: the compiler that cargo starts needs the same ones.
set(gpuio_sanitize_flags "")
string(REPLACE "," ";" gpuio_sanitizers "${GPUIO_SANITIZE}")
foreach(sanitizer IN LISTS gpuio_sanitizers)
  if(NOT sanitizer MATCHES "^(address|thread|undefined)$")
    message(FATAL_ERROR
      "gpuio: GPUIO_SANITIZE: \"${sanitizer}\" is not one of address, thread, undefined")
  endif()
  list(APPEND gpuio_sanitize_flags -fsanitize=${sanitizer})
endforeach()
if("undefined" IN_LIST gpuio_sanitizers)
  # vptr needs GCC's own runtime, and cargo's tests are linked with LLVM's.
  list(APPEND gpuio_sanitize_flags -fno-sanitize=vptr)
endif()
if(gpuio_sanitizers)
  list(APPEND gpuio_sanitize_flags -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:${gpuio_sanitize_flags}>")
  add_link_options(${gpuio_sanitize_flags})
endif()
