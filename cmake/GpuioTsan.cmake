# ThreadSanitizer and Rust's std: see tests/sanitize/std_sync.cpp.in.
#
# Sets gpuio_tsan_object and gpuio_tsan_wraps (linker arguments), empty without ThreadSanitizer.
include_guard()

set(gpuio_tsan_object "")
set(gpuio_tsan_wraps "")
if(NOT "thread" IN_LIST gpuio_sanitizers)
  return()
endif()

execute_process(COMMAND rustc --print target-libdir OUTPUT_VARIABLE libdir
  OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY
  WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
file(GLOB std_rlib "${libdir}/libstd-*.rlib")

# The mangled names differ from one Rust to the next; these parts of them do not.
set(pattern_lock "5mutex5futex\\w*5Mutex14lock_contended")
set(pattern_wait "7condvar5futex\\w*7Condvar4wait")
set(pattern_wait_timeout "7condvar5futex\\w*7Condvar12wait_timeout")
set(pattern_once "4once5futex\\w*4Once4call")
set(pattern_scope "6scoped\\w*9ScopeData29decrement_num_running_threads")
foreach(name IN ITEMS lock wait wait_timeout once scope)
  execute_process(
    COMMAND ${CMAKE_READELF} --symbols --wide "${std_rlib}"
    COMMAND grep -oE "GLOBAL +DEFAULT +[0-9]+ \\w*${pattern_${name}}(17h[0-9a-f]{16}E)?$"
    OUTPUT_VARIABLE line ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
  string(REGEX MATCH "[^ ]+$" symbol_${name} "${line}")
  if(NOT symbol_${name} OR line MATCHES "\n")
    message(FATAL_ERROR "gpuio: ThreadSanitizer needs to know ${pattern_${name}} in "
      "${std_rlib}, and this Rust's std has none. Use Rust 1.95, or leave \"thread\" out of "
      "GPUIO_SANITIZE.")
  endif()
  list(APPEND gpuio_tsan_wraps "-Wl,--wrap=${symbol_${name}}")
endforeach()

set(source "${PROJECT_BINARY_DIR}/tsan/std_sync.cpp")
set(gpuio_tsan_object "${PROJECT_BINARY_DIR}/tsan/std_sync.o")
configure_file(tests/sanitize/std_sync.cpp.in "${source}" @ONLY)
# At configure time, because cargo's flags name the object. Not instrumented itself.
execute_process(COMMAND ${CMAKE_CXX_COMPILER} -O1 -fPIC -c "${source}" -o "${gpuio_tsan_object}"
  COMMAND_ERROR_IS_FATAL ANY)
