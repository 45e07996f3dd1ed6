#include "wordnet_csr/wordnet.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <system_error>

#include "common/csr_file.hpp"
#include "tests/support.hpp"

namespace examples {
namespace {

// A licence line, then synsets at the bytes they name.
constexpr std::string_view kLicence = "  1 This is the licence.\n";  // 25 bytes
constexpr std::string_view kVerbs =
    "  1 This is the licence.\n"
    "00000025 29 v 01 breathe 0 001 + 00000025 n 0101 02 + 02 00 + 08 00 | draw air\n";
constexpr std::string_view kAdjectives =
    "  1 This is the licence.\n"
    "00000025 00 s 02 airy(p) 0 light 1 002 & 00000025 s 0000 \\ 00000025 n 0101 | of air\n";
constexpr std::string_view kAdverbs =
    "  1 This is the licence.\n00000025 02 r 01 airily 0 000 | in an airy way  \n";

std::string nouns(const std::string& pointers) {
    return std::string(kLicence) + "00000025 03 n 0a a 0 b 1 c 2 d 3 e 4 f 5 g 6 h 7 i 8 j 9 " +
           pointers + " | gloss; with | bars\n";
}

class WordNetTest : public testing::Test {
protected:
    WordNetTest() {
        folder_.write("data.noun", nouns("002 ~ 00000025 v 0000 ;c 00000025 r 0000"));
        folder_.write("data.verb", kVerbs);
        folder_.write("data.adj", kAdjectives);
        folder_.write("data.adv", kAdverbs);
    }

    std::string error_with_nouns(const std::string& content) {
        folder_.write("data.noun", content);
        return message_of<FormatError>([&] { read_wordnet(folder_.path()); });
    }

    TemporaryFolder folder_;
};

std::uint8_t type_of(std::string_view symbol) {
    return static_cast<std::uint8_t>(std::ranges::find(kPointerSymbols, symbol) -
                                     kPointerSymbols.begin());
}

TEST_F(WordNetTest, NumbersVerticesAcrossFilesAndKeepsPointerTypes) {
    const auto graph = read_wordnet(folder_.path());
    EXPECT_EQ(graph.offsets, (std::vector<std::uint64_t>{0, 2, 3, 5, 5}));
    EXPECT_EQ(graph.neighbours, (std::vector<std::uint32_t>{1, 3, 0, 2, 0}));
    EXPECT_EQ(graph.types, (std::vector<std::uint8_t>{type_of("~"), type_of(";c"), type_of("+"),
                                                      type_of("&"), type_of("\\")}));
}

TEST_F(WordNetTest, NamesTheLineOfAPointerToNowhere) {
    const auto error = error_with_nouns(nouns("001 ~ 00000026 v 0000"));
    EXPECT_TRUE(contains(error, "data.noun, line 2"));
    EXPECT_TRUE(contains(error, "byte 26"));
}

TEST_F(WordNetTest, RefusesUnknownSymbolsAndParts) {
    EXPECT_TRUE(contains(error_with_nouns(nouns("001 ? 00000025 v 0000")), "\"?\""));
    EXPECT_TRUE(contains(error_with_nouns(nouns("001 ~ 00000025 x 0000")), "\"x\""));
}

TEST_F(WordNetTest, RefusesCountsThatTheLineDoesNotHold) {
    const auto cut = std::string(kLicence) + "00000025 03 n 01 a 0 002 ~ 00000025 v 0000";
    EXPECT_TRUE(contains(error_with_nouns(cut), "pointer symbol is missing"));
    const auto no_number = std::string(kLicence) + "00000025 03 n zz a 0 000 | g\n";
    EXPECT_TRUE(contains(error_with_nouns(no_number), "word count is \"zz\""));
}

TEST_F(WordNetTest, RefusesASynsetThatStandsElsewhere) {
    EXPECT_TRUE(contains(error_with_nouns("00000007 03 n 01 a 0 000 | g\n"), "stands at 0"));
}

TEST_F(WordNetTest, RefusesFilesWithoutSynsets) {
    EXPECT_TRUE(contains(error_with_nouns(""), "no synset"));
    EXPECT_TRUE(contains(error_with_nouns(std::string(1000, '\0')), "line 1"));
}

TEST_F(WordNetTest, NamesAMissingFile) {
    std::filesystem::remove(folder_.path() / "data.adv");
    EXPECT_TRUE(
        contains(message_of<std::system_error>([&] { read_wordnet(folder_.path()); }), "data.adv"));
}

}  // namespace
}  // namespace examples
