# An optimistic read that does not look again: the page may have gone while it was read.
set(expect value)
edit(array_ref.hpp
  [=[if (GPUIO_RARELY(before.word() != after.word())) return kept_residency(before, after);]=]
  [=[if (after.word() == ~std::uint64_t{0}) return false;]=])
