# A helper looks up the source first and draws a ticket of the next copy then.
set(expect value,state,contract)
edit(page_copy.hpp
  [=[    std::uint64_t from = 0;
]=]
  [=[    std::uint64_t from = platform::load_relaxed(&fill.source);
]=])
edit(page_copy.hpp
  [=[            from = 0;
]=]
  [=[]=])
