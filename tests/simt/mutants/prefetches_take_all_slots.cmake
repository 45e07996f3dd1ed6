# Prefetches that nobody comes for may hold every slot, and a read waits for one for ever.
set(expect livelock)
edit(pager.hpp
  [=[platform::shard_hint(), kPrefetchSlots, &slot)]=]
  [=[platform::shard_hint(), kEverySlot, &slot)]=])
