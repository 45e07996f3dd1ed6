# A lost dirty bit: a[i] = v lets go of the page as a read does.
set(expect value,state)
edit(array_ref.hpp
  [=[device::release_pin_dirty(word);]=]
  [=[device::release_pin(word);]=])
