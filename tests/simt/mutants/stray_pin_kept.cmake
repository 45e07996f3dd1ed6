# A pin on a page that turned out not to be resident is not taken back.
set(expect state,livelock,error,value)
edit(pins.hpp
  [=[        release_pin(word);
        return false;]=]
  [=[        return false;]=])
