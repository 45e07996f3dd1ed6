# A lost dirty bit: a[i] = v lets go of the page as a read does.
set(expect value,state)
edit(array_ref.hpp
  [=[device::release_pins_dirty(word, 1);]=]
  [=[device::release_pins(word, 1);]=])
