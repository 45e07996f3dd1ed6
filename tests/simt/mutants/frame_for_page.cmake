# The wrong index: the host is asked for the page whose number is the frame's.
set(expect contract,value)
edit(fault.hpp
  [=[FaultOperation::kRead, key_.array, key_.page, slot_, frame_);]=]
  [=[FaultOperation::kRead, key_.array, frame_, slot_, frame_);]=])
