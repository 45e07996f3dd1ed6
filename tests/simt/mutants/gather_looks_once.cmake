# A gather that does not look at its entries again: a page may have gone while it was read.
set(expect value)
edit(gather.hpp
  [=[look_again_in_steps(pages.word_of(byte_of(index[k])), to[k]) == seen[k];]=]
  [=[look_again_in_steps(pages.word_of(byte_of(index[k])), to[k]) != ~std::uint64_t{0};]=])
