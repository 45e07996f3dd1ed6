# The host is told that a page is written back while other lanes still copy pieces of it.
set(expect value,state,livelock)
edit(fault.hpp
  [=[if (copy_is_done(cache_, victim_frame_)) end_write_back();]=]
  [=[end_write_back();]=])
