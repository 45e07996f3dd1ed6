# A helper looks up the source first and draws a ticket of the next copy then.
set(expect value,state,contract)
edit(page_copy.hpp
  [=[        const std::uint64_t drawn = platform::fetch_add(&fill.tickets, 1);]=]
  [=[        const std::uint64_t from = platform::load_relaxed(&fill.source);
        const std::uint64_t drawn = platform::fetch_add(&fill.tickets, 1);]=])
edit(page_copy.hpp
  [=[        generation = drawn >> 32;
        const std::uint64_t from = platform::load_relaxed(&fill.source);]=]
  [=[        generation = drawn >> 32;]=])
