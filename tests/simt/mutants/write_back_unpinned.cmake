# Two write-backs of one page at a time: the first to end takes the frame from under the second.
set(expect contract,value,state)
edit(fault.hpp
  [=[entry.with_state(PageState::kFlushing).with_pins(1);]=]
  [=[entry.with_state(PageState::kFlushing);]=])
edit(fault.hpp
  [=[!rewritten && entry.pins() == 1;]=]
  [=[!rewritten && entry.pins() == 0;]=])
edit(fault.hpp
  [=[entry.with_pins(entry.pins() - 1).with_state(rewritten]=]
  [=[entry.with_state(rewritten]=])
