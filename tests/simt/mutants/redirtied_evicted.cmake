# A page that was written to while it was written back is taken for a clean one.
set(expect contract,value,state)
edit(frames.hpp
  [=[entry.state() >= PageState::kFlushing]=]
  [=[entry.state() == PageState::kFlushing]=])
