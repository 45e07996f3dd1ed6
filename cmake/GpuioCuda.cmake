# Sets GPUIO_HAS_CUDA. Nothing but the component `cuda`, the GPU tests and the device versions of
# the examples depends on it: the Rust core loads the CUDA driver at run time.
include_guard()

set(GPUIO_HAS_CUDA FALSE)
if(GPUIO_CUDA STREQUAL "AUTO" OR GPUIO_CUDA)
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
      set(CMAKE_CUDA_ARCHITECTURES 80 90)
    endif()
    enable_language(CUDA)
    find_package(CUDAToolkit REQUIRED)
    set(GPUIO_HAS_CUDA TRUE)
  elseif(NOT GPUIO_CUDA STREQUAL "AUTO")
    message(FATAL_ERROR "gpuio: GPUIO_CUDA is ON and no working nvcc was found. Install a CUDA "
      "toolkit (scripts/cuda-toolkit puts one into the build folder), name its compiler by "
      "-DCMAKE_CUDA_COMPILER=.../nvcc, or configure with -DGPUIO_CUDA=OFF.")
  endif()
endif()
