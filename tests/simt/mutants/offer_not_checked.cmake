# A page is published that was copied from an offer withdrawn meanwhile.
set(expect value,state)
edit(fault.hpp
  [=[        if (is_offer_ && poll_answer(cache_, slot_).outcome != Outcome::kOffer) return ask_again();
]=]
  [=[]=])
