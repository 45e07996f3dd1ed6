# A page is published that was copied by the directory from a frame given away meanwhile.
set(expect value,state)
edit(fault.hpp
  [=[        if (vouched_ != 0 && platform::load_again_system(voucher()) != vouched_) return ask_again();]=]
  [=[        if (vouched_ != 0 && slot_taken_ && platform::load_again_system(voucher()) != vouched_) {
            return ask_again();
        }]=])
