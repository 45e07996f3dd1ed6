# A helper looks up the source first and draws a ticket of the next copy then.
set(expect value,state,contract)
edit(page_copy.hpp
  [=[        const std::uint64_t drawn = ]=]
  [=[        partner = platform::load_relaxed(&fill.partner);
        const std::uint64_t drawn = ]=])
edit(page_copy.hpp
  [=[            partner = 0;
]=]
  [=[]=])
