# A cursor takes the frame of a page that it has left behind, though others hold it.
set(expect value,state,contract,error,livelock)
edit(pager.hpp
  [=[if (entry.state() != PageState::kValid || entry.pins() != 0) return none;]=]
  [=[if (entry.state() != PageState::kValid) return none;]=])
