#include "wordnet_csr/wordnet.hpp"

#include <algorithm>
#include <charconv>
#include <span>
#include <string>

#include "common/csr_file.hpp"

namespace examples {
namespace {

// WordNet 3.0's largest file has 15 MB. The bound keeps a wrong file from filling memory.
constexpr std::uint64_t kMaxFileBytes = std::uint64_t{1} << 30;

constexpr std::size_t kPartCount = 4;
constexpr std::array<const char*, kPartCount> kPartFiles = {"data.noun", "data.verb", "data.adj",
                                                            "data.adv"};

std::string quoted(std::string_view text) {
    std::string result = "\"";
    result += text;
    result += '"';
    return result;
}

/// The file a part-of-speech letter speaks of; satellites (s) live among the adjectives.
std::size_t part_of(char letter) {
    switch (letter) {
        case 'n': return 0;
        case 'v': return 1;
        case 'a':
        case 's': return 2;
        case 'r': return 3;
        default: return kPartCount;
    }
}

/// One data file and where its synsets begin.
struct Part {
    std::string name;
    std::string text;
    std::vector<std::uint64_t> synset_positions;  // ascending byte positions
    std::uint64_t first_vertex = 0;
};

/// Takes a line apart at its spaces; every complaint names file, line and field.
class FieldReader {
public:
    FieldReader(const Part& part, std::uint64_t line_number, std::string_view line)
        : part_(part), line_number_(line_number), rest_(line) {}

    std::string_view field(const char* what) {
        const std::size_t space = rest_.find(' ');
        const std::string_view text = rest_.substr(0, space);
        if (text.empty()) fail(std::string(what) + " is missing");
        rest_ = space == std::string_view::npos ? std::string_view() : rest_.substr(space + 1);
        return text;
    }

    std::uint64_t number(const char* what, int base) {
        const std::string_view text = field(what);
        std::uint64_t value = 0;
        const auto [end, error] =
            std::from_chars(text.data(), text.data() + text.size(), value, base);
        if (error != std::errc() || end != text.data() + text.size()) {
            fail(std::string(what) + " is " + quoted(text) + ", not a number of base " +
                 std::to_string(base));
        }
        return value;
    }

    [[noreturn]] void fail(const std::string& what) const {
        throw FormatError(part_.name + ", line " + std::to_string(line_number_) + ": " + what);
    }

private:
    const Part& part_;
    std::uint64_t line_number_;
    std::string_view rest_;
};

/// Calls `use(byte position, line number, line)` for every synset line, skipping the licence.
template <typename Use>
void for_each_synset(const Part& part, Use use) {
    std::uint64_t line_number = 0;
    for (std::size_t position = 0; position < part.text.size();) {
        const std::size_t newline = part.text.find('\n', position);
        const std::size_t end = newline == std::string::npos ? part.text.size() : newline;
        const auto line = std::string_view(part.text).substr(position, end - position);
        ++line_number;
        if (!line.starts_with("  ")) use(position, line_number, line);
        position = end + 1;
    }
}

Part load_part(const std::filesystem::path& path) {
    const auto file = File::open(path);
    if (file.size_bytes() > kMaxFileBytes) {
        throw FormatError(path.string() + ": " + std::to_string(file.size_bytes()) +
                          " bytes is no WordNet file; the limit is " +
                          std::to_string(kMaxFileBytes));
    }
    Part part{path.string(), std::string(file.size_bytes(), '\0'), {}, 0};
    file.read_at(std::as_writable_bytes(std::span(part.text)), 0);
    for_each_synset(part, [&](std::size_t position, std::uint64_t line_number, auto line) {
        FieldReader fields(part, line_number, line);
        const std::uint64_t claimed = fields.number("the synset's offset", 10);
        if (claimed != position) {
            fields.fail("the synset says it stands at byte " + std::to_string(claimed) +
                        ", but it stands at " + std::to_string(position));
        }
        part.synset_positions.push_back(position);
    });
    if (part.synset_positions.empty()) throw FormatError(part.name + ": there is no synset in it");
    return part;
}

std::uint8_t read_type(FieldReader& fields) {
    const std::string_view symbol = fields.field("the pointer symbol");
    const auto found = std::find(kPointerSymbols.begin(), kPointerSymbols.end(), symbol);
    if (found == kPointerSymbols.end()) {
        fields.fail(quoted(symbol) + " is no pointer symbol of wninput(5WN)");
    }
    return static_cast<std::uint8_t>(found - kPointerSymbols.begin());
}

std::uint32_t read_target(FieldReader& fields, std::span<const Part> parts) {
    const std::uint64_t position = fields.number("the pointer's offset", 10);
    const std::string_view letter = fields.field("the pointer's part of speech");
    const std::size_t index = letter.size() == 1 ? part_of(letter.front()) : kPartCount;
    if (index == kPartCount) {
        fields.fail(quoted(letter) + " is no part of speech (n, v, a, s or r)");
    }
    const auto& positions = parts[index].synset_positions;
    const auto found = std::lower_bound(positions.begin(), positions.end(), position);
    if (found == positions.end() || *found != position) {
        fields.fail("a pointer leads to byte " + std::to_string(position) + " of " +
                    parts[index].name + ", where no synset begins");
    }
    const auto place = static_cast<std::uint64_t>(found - positions.begin());
    return static_cast<std::uint32_t>(parts[index].first_vertex + place);
}

/// synset_offset lex_filenum ss_type w_cnt (word lex_id)* p_cnt (symbol offset pos words)* ...
void append_row(FieldReader fields, std::span<const Part> parts, WordNetGraph& graph) {
    fields.field("the synset's offset");
    fields.field("the lexicographer file's number");
    fields.field("the synset's type");
    const std::uint64_t word_count = fields.number("the word count", 16);
    for (std::uint64_t word = 0; word < word_count; ++word) {
        fields.field("a word");
        fields.field("a word's lex_id");
    }
    const std::uint64_t pointer_count = fields.number("the pointer count", 10);
    for (std::uint64_t pointer = 0; pointer < pointer_count; ++pointer) {
        const std::uint8_t type = read_type(fields);
        const std::uint32_t target = read_target(fields, parts);
        fields.number("the pointer's word numbers", 16);
        graph.neighbours.push_back(target);
        graph.types.push_back(type);
    }
    graph.offsets.push_back(graph.neighbours.size());
}

}  // namespace

WordNetGraph read_wordnet(const std::filesystem::path& dictionary) {
    std::array<Part, kPartCount> parts;
    std::uint64_t vertex_count = 0;
    for (std::size_t i = 0; i < kPartCount; ++i) {
        parts[i] = load_part(dictionary / kPartFiles[i]);
        parts[i].first_vertex = vertex_count;
        vertex_count += parts[i].synset_positions.size();
    }
    WordNetGraph graph;
    graph.offsets.reserve(vertex_count + 1);
    graph.offsets.push_back(0);
    for (const Part& part : parts) {
        for_each_synset(part, [&](std::size_t, std::uint64_t line_number, std::string_view line) {
            append_row(FieldReader(part, line_number, line), parts, graph);
        });
    }
    return graph;
}

}  // namespace examples
