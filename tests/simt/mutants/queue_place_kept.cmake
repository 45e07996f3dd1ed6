# A fault that fails keeps its place in the queue for frames: in the end nobody is let in.
set(expect state,livelock,error)
edit(fault.hpp
  [=[        place_.leave(cache_);
        error_code_ = code;]=]
  [=[        error_code_ = code;]=])
