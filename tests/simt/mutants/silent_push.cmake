# A fault that does not wake the sleeping host.
set(expect deadlock,livelock)
edit(fault_ring.hpp
  [=[    platform::ring_doorbell(cache.control);
]=]
  [=[]=])
