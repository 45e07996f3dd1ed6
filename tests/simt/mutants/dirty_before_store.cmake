# A lost dirty bit: the page is marked and let go before the store, and not after it.
set(expect value,state)
edit(array_ref.hpp
  [=[        device::store_element(page + offset_in_page(byte), value);
        device::release_pin_dirty(word);]=]
  [=[        device::release_pin_dirty(word);
        device::store_element(page + offset_in_page(byte), value);]=])
