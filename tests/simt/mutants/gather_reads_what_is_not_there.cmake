# A gather that takes elements from pages that are not there.
set(expect value,memory)
edit(gather.hpp
  [=[        const bool hit = device::PageEntry{seen[k]}.accessed() &&]=]
  [=[        const bool hit = true &&]=])
