# The wrong index again: the frame's address is worked out from the slot. The remainder keeps it
# within the frames, so that it is wrong quietly.
set(expect value,state,contract)
edit(fault.hpp
  [=[return frame_address(cache_, frame_); }]=]
  [=[return frame_address(cache_, slot_.index % cache_.frame_count); }]=])
