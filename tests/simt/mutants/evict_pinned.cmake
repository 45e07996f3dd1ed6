# The CLOCK hand takes pinned pages.
set(expect value,state,contract,error,livelock)
edit(frames.hpp
  [=[if (entry.pins() != 0 || entry.state()]=]
  [=[if (entry.state()]=])
