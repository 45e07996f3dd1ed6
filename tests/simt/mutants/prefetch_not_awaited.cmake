# The CLOCK hand takes a prefetch's frame while the host may still fill it.
set(expect contract,value,state)
edit(frames.hpp
  [=[if (poll_answer(cache, slot).outcome == Outcome::kNone) return false;]=]
  [=[]=])
