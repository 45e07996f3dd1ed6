# Completion before data: the page is in the table while other lanes still copy pieces of it.
set(expect value,state)
edit(fault.hpp
  [=[        if (!copy_is_done(cache_, frame_)) return;
]=]
  [=[]=])
