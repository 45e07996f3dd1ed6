# Functions for tests, examples and benches.
include_guard()

# gpuio_add_program(<name> SOURCES <file.cpp>... [CUDA_CAPABLE] [LINK <target>...])
#
# A host executable <name> linked with gpuio::gpuio. CUDA_CAPABLE says that the same sources are
# also valid CUDA: where there is a toolkit, <name>_cuda is compiled from them by nvcc.
function(gpuio_add_program name)
  cmake_parse_arguments(arg "CUDA_CAPABLE" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE gpuio::gpuio gpuio_warnings ${arg_LINK})
  if(arg_CUDA_CAPABLE AND GPUIO_HAS_CUDA)
    gpuio_add_cuda_twin(${name} SOURCES ${arg_SOURCES} LINK ${arg_LINK})
  endif()
endfunction()

# A source file has one language in a directory, so nvcc gets a file that includes it.
function(gpuio_add_cuda_twin name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  set(twins "")
  foreach(source IN LISTS arg_SOURCES)
    cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}")
    cmake_path(GET source STEM stem)
    set(twin "${CMAKE_CURRENT_BINARY_DIR}/${name}_cuda_sources/${stem}.cu")
    file(CONFIGURE OUTPUT "${twin}" CONTENT "#include \"@source@\"\n" @ONLY)
    list(APPEND twins "${twin}")
  endforeach()
  add_executable(${name}_cuda ${twins})
  target_include_directories(${name}_cuda PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}")
  target_link_libraries(${name}_cuda PRIVATE gpuio::cuda ${arg_LINK})
endfunction()

# The C++ compilers that header and must-not-compile tests try: this build's, and others at hand.
set(GPUIO_HOST_COMPILERS "")
set(real_compilers "")
foreach(candidate IN ITEMS "${CMAKE_CXX_COMPILER}" g++ clang++)
  find_program(candidate_path "${candidate}" NO_CACHE)
  if(candidate_path)
    file(REAL_PATH "${candidate_path}" real_path)
    if(NOT real_path IN_LIST real_compilers)
      list(APPEND real_compilers "${real_path}")
      list(APPEND GPUIO_HOST_COMPILERS "${candidate_path}")
    endif()
  endif()
  unset(candidate_path)
endforeach()
