// Reads the WordNet 3 database (format: wndb(5WN)) as a graph of synsets and typed pointers.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

namespace examples {

/// Every pointer symbol of wninput(5WN). An edge's type is its symbol's place in this list.
inline constexpr std::array<std::string_view, 26> kPointerSymbols = {
    "!", "@", "@i", "~", "~i", "#m", "#s", "#p", "%m", "%s", "%p", "=",  "+",
    "*", ">", "^",  "$", "&",  "<",  "\\", ";c", "-c", ";r", "-r", ";u", "-u"};

/// The pointers as compressed sparse rows. Vertices are numbered as the synsets stand in the
/// files, nouns first, then verbs, adjectives (satellites among them) and adverbs.
struct WordNetGraph {
    std::vector<std::uint64_t> offsets;     ///< vertex count + 1 entries
    std::vector<std::uint32_t> neighbours;  ///< target vertex of each pointer
    std::vector<std::uint8_t> types;        ///< place in kPointerSymbols of each pointer
};

/// Reads data.noun, data.verb, data.adj and data.adv in `dictionary`. Throws FormatError naming
/// file, line and what was expected when a line is not what wndb(5WN) says, and
/// std::system_error when a file cannot be read.
WordNetGraph read_wordnet(const std::filesystem::path& dictionary);

}  // namespace examples
