# A lost dirty bit: a write to a page that is being written back counts on that write-back.
set(expect value,state)
edit(fault.hpp
  [=[.with_state(entry.dirty() ? PageState::kDirty : state);]=]
  [=[.with_state(state);]=])
