# Completion before data: the page is in the table before its bytes are in the frame.
set(expect value,state)
edit(pager.hpp
  [=[const bool mine = leader && fault.wants_copy();]=]
  [=[const bool mine = leader && fault.wants_copy();
    if (mine) fault.publish();]=])
edit(pager.hpp
  [=[    warp.sync();
    if (mine) fault.publish();]=]
  [=[    warp.sync();]=])
