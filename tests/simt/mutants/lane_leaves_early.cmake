# A lane that has its page goes on while others of its mask still wait in collectives.
set(expect collective)
edit(pager.hpp
  [=[if (warp.ballot(!finished) == 0) return succeeded;]=]
  [=[if (finished) return succeeded;]=])
