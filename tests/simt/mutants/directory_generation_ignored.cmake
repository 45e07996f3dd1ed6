# The second look compares the frame alone: the page may have left it and come back.
set(expect value,state)
edit(fault.hpp
  [=[        if (vouched_ != 0 && platform::load_again_system(voucher()) != vouched_) return ask_again();]=]
  [=[        const std::uint64_t compared = slot_taken_ ? ~std::uint64_t{0} : 0xffffffff;
        if (vouched_ != 0 &&
            ((platform::load_again_system(voucher()) ^ vouched_) & compared) != 0) {
            return ask_again();
        }]=])
