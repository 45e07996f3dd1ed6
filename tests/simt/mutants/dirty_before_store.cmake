# A lost dirty bit: the page is marked and let go before the store, and not after it.
set(expect value,state)
edit(array_ref.hpp
  [=[        device::store_element(page + offset_in_page(byte), value);
        device::release_pins_dirty(word, 1);]=]
  [=[        device::release_pins_dirty(word, 1);
        device::store_element(page + offset_in_page(byte), value);]=])
