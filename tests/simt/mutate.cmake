# Plants a bug: writes changed copies of device headers into `OUT`, by the edits of `MUTANT`.
#
#     cmake -DMUTANT=<file> -DHEADERS=<device headers' folder> -DOUT=<folder> -P mutate.cmake
#
# An edit's text must occur in its header exactly once. So when the header changes, the plant fails
# to build, instead of quietly planting nothing.
cmake_minimum_required(VERSION 3.24)

function(edit header from to)
  set(copy "${OUT}/gpuio/device/${header}")
  if(EXISTS "${copy}")
    file(READ "${copy}" text)
  else()
    file(READ "${HEADERS}/${header}" text)
  endif()
  string(FIND "${text}" "${from}" first)
  string(FIND "${text}" "${from}" last REVERSE)
  if(first EQUAL -1 OR NOT first EQUAL last)
    message(FATAL_ERROR "${MUTANT}: this text must occur once in ${header}, and does not:\n${from}")
  endif()
  string(REPLACE "${from}" "${to}" text "${text}")
  file(WRITE "${copy}" "${text}")
endfunction()

file(REMOVE_RECURSE "${OUT}")
include("${MUTANT}")
file(TOUCH "${OUT}/planted")
