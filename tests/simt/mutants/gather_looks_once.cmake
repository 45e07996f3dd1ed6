# A gather that does not look at its entries again: a page may have gone while it was read.
set(expect value)
edit(gather.hpp
  [=[platform::load_relaxed(pages.word_of(byte_of(index[k]))) == seen[k];]=]
  [=[platform::load_relaxed(pages.word_of(byte_of(index[k]))) != ~std::uint64_t{0};]=])
