# The targets users link: gpuio::gpuio, and gpuio::cuda where there is a CUDA toolkit.
include_guard()

find_package(Threads REQUIRED)

set(gpuio_so_version "${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}")
if(BUILD_SHARED_LIBS)
  # Linked here and not by cargo, so that it has a soname and exports gpuio's names only. A program
  # may then hold another Rust library, whose std and cxx symbols would otherwise clash with ours.
  set(gpuio_map "${PROJECT_BINARY_DIR}/gpuio.map")
  configure_file(cmake/gpuio.map.in "${gpuio_map}" @ONLY)
  add_library(gpuio SHARED cmake/gpuio.map.in)
  set_target_properties(gpuio PROPERTIES
    LINKER_LANGUAGE CXX
    VERSION ${PROJECT_VERSION}
    SOVERSION ${gpuio_so_version}
    LINK_DEPENDS "${GPUIO_ARCHIVE};${gpuio_map}")
  target_link_libraries(gpuio PRIVATE
    "$<LINK_LIBRARY:WHOLE_ARCHIVE,${GPUIO_ARCHIVE}>" Threads::Threads ${CMAKE_DL_LIBS} m)
  target_link_options(gpuio PRIVATE
    "LINKER:--version-script=${gpuio_map}" LINKER:--gc-sections LINKER:--as-needed)
  target_link_libraries(gpuio PRIVATE ${gpuio_tsan_object})
  target_link_options(gpuio PRIVATE ${gpuio_tsan_wraps})
  if(NOT gpuio_sanitizers)  # the sanitizers' symbols come with the program
    target_link_options(gpuio PRIVATE LINKER:-z,defs)
  endif()
  set(gpuio_scope PUBLIC)
else()
  # The archive holds Rust's std: two such libraries in one program can clash. See README.
  add_library(gpuio INTERFACE)
  target_link_libraries(gpuio INTERFACE
    "$<BUILD_INTERFACE:${GPUIO_ARCHIVE}>"
    "$<INSTALL_INTERFACE:\${_IMPORT_PREFIX}/${CMAKE_INSTALL_LIBDIR}/libgpuio.a>"
    Threads::Threads ${CMAKE_DL_LIBS} m)
  set(gpuio_scope INTERFACE)
endif()
add_dependencies(gpuio gpuio_cargo)
target_compile_features(gpuio ${gpuio_scope} cxx_std_20)
target_include_directories(gpuio ${gpuio_scope}
  "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/cpp/include>"
  "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
add_library(gpuio::gpuio ALIAS gpuio)

if(GPUIO_HAS_CUDA)
  # The device code lives in headers, so this carries no object file: it is what a program that
  # has .cu files needs to compile and link them.
  add_library(gpuio_cuda INTERFACE)
  target_compile_features(gpuio_cuda INTERFACE cuda_std_20)
  target_link_libraries(gpuio_cuda INTERFACE gpuio CUDA::cudart_static)
  # The headers call constexpr functions of the C++ standard library in device code.
  target_compile_options(gpuio_cuda INTERFACE
    "$<$<COMPILE_LANG_AND_ID:CUDA,NVIDIA>:--expt-relaxed-constexpr>")
  set_target_properties(gpuio_cuda PROPERTIES EXPORT_NAME cuda)
  add_library(gpuio::cuda ALIAS gpuio_cuda)
endif()
