# The package: headers, library, CMake config with version file, pkg-config file.
include_guard()

if(NOT GPUIO_INSTALL)
  return()
endif()
include(CMakePackageConfigHelpers)

install(DIRECTORY cpp/include/gpuio DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
  FILES_MATCHING PATTERN "*.hpp" PATTERN "*.cuh" PATTERN "*.h")
install(FILES LICENSE-MIT LICENSE-APACHE
  DESTINATION "${CMAKE_INSTALL_DATADIR}/licenses/gpuio")
install(TARGETS gpuio EXPORT gpuioTargets
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
if(NOT BUILD_SHARED_LIBS)
  install(FILES "${GPUIO_ARCHIVE}" DESTINATION "${CMAKE_INSTALL_LIBDIR}")
endif()

if(GPUIO_PROGRAM)
  install(PROGRAMS "${GPUIO_PROGRAM}" DESTINATION "${CMAKE_INSTALL_BINDIR}")
endif()

set(gpuio_config_dir "${CMAKE_INSTALL_LIBDIR}/cmake/gpuio")
install(EXPORT gpuioTargets NAMESPACE gpuio:: DESTINATION "${gpuio_config_dir}")
if(GPUIO_HAS_CUDA)
  # A file of its own: it names CUDA::cudart_static, which a user without the component need not have.
  install(TARGETS gpuio_cuda EXPORT gpuioCudaTargets)
  install(EXPORT gpuioCudaTargets NAMESPACE gpuio:: DESTINATION "${gpuio_config_dir}")
endif()

configure_package_config_file(cmake/gpuioConfig.cmake.in
  "${PROJECT_BINARY_DIR}/package/gpuioConfig.cmake"
  INSTALL_DESTINATION "${gpuio_config_dir}"
  NO_SET_AND_CHECK_MACRO)
# While the major version is 0, a new minor version may break its users.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/package/gpuioConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/package/gpuioConfig.cmake"
  "${PROJECT_BINARY_DIR}/package/gpuioConfigVersion.cmake"
  DESTINATION "${gpuio_config_dir}")

# The prefix is derived from where the .pc file lies, so that the tree can be moved.
set(gpuio_pc_dir "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
cmake_path(ABSOLUTE_PATH gpuio_pc_dir BASE_DIRECTORY "${CMAKE_INSTALL_PREFIX}"
  OUTPUT_VARIABLE gpuio_pc_absolute)
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY "${gpuio_pc_absolute}"
  OUTPUT_VARIABLE gpuio_pc_prefix)
if(BUILD_SHARED_LIBS)
  set(gpuio_pc_libs "-lgpuio")
else()
  set(gpuio_pc_libs "-lgpuio -lpthread -ldl -lm")
endif()
configure_file(cmake/gpuio.pc.in "${PROJECT_BINARY_DIR}/package/gpuio.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/package/gpuio.pc" DESTINATION "${gpuio_pc_dir}")
