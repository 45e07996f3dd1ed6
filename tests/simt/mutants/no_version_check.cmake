# An optimistic read that does not look again: the page may have gone while it was read.
set(expect value)
edit(array_ref.hpp
  [=[if (GPUIO_RARELY(before.word() != after.word())) {]=]
  [=[if (after.word() == ~std::uint64_t{0}) {]=])
