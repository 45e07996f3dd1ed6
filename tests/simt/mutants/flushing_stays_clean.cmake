# A lost dirty bit: a write to a page that is being written back counts on that write-back.
set(expect value,state)
edit(pins.hpp
  [=[.with_state(PageState::kDirty);]=]
  [=[.with_state(
            entry.state() == PageState::kFlushing ? entry.state() : PageState::kDirty);]=])
