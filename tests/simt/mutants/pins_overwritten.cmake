# The owner of a BUSY page stores its entry whole, over a pin that another lane is about to take
# back.
set(expect state,livelock,error,value)
edit(frames.hpp
  [=[platform::fetch_add(word, to.word() - from.without_pins().word());]=]
  [=[platform::store_release(word, to.word() + 0 * from.word());]=])
