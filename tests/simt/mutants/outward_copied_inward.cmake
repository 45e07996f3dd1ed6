# A helper that was late for one copy takes the next one to go the same way.
set(expect value,state)
edit(page_copy.hpp
  [=[        const bool outward = (partner & kOutward) != 0;]=]
  [=[        const bool outward = (partner & kOutward) != 0 && drawn >> 32 == seen >> 32;]=])
