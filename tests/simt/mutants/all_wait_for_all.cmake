# A warp that uses its pages only once it has them all: with few frames it never has.
set(expect livelock,deadlock,error)
edit(pager.hpp
  [=[const bool use_now = !finished && signal > 1;]=]
  [=[const bool use_now = warp.ballot(!finished && signal == 0) == 0 && !finished && signal > 1;]=])
edit(pager.hpp
  [=[finished = finished || signal != 0;]=]
  [=[finished = finished || use_now || signal == 1;]=])
