// Reduces and histograms any file through GPUIOArrays, as bytes and as 64-bit words.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <gpuio/gpuio.hpp>
#include <span>
#include <string>
#include <vector>

#include "common/cli.hpp"
#include "common/device_buffer.hpp"
#include "common/file.hpp"
#include "common/format.hpp"
#include "common/progress.hpp"
#include "common/report.hpp"
#include "common/session.hpp"
#include "common/uri.hpp"
#include "file_stats/kernels.hpp"

namespace examples {
namespace {

// A kernel launch takes so much, so that progress can be shown; a multiple of eight.
constexpr std::uint64_t kSliceBytes = std::uint64_t{32} << 20;

struct Options {
    std::string file;
    CacheOptions cache;
    ReportOptions report;
};

using Histogram = std::array<std::uint64_t, kByteValues>;

struct Statistics {
    Histogram histogram{};
    WordSummary words;

    bool operator==(const Statistics&) const = default;
};

/// The same figures by plain reads.
Statistics reference_statistics(const File& file, std::uint64_t size_bytes) {
    Statistics statistics;
    std::vector<std::byte> buffer(std::min(size_bytes, kSliceBytes));
    Progress progress("checking", size_bytes);
    for (std::uint64_t at = 0; at < size_bytes; at += buffer.size()) {
        const auto slice = std::span(buffer).first(std::min(size_bytes - at, kSliceBytes));
        file.read_at(slice, at);
        for (const std::byte byte : slice) ++statistics.histogram[static_cast<unsigned>(byte)];
        for (std::size_t k = 0; k + 8 <= slice.size(); k += 8) {
            std::uint64_t word = 0;
            std::memcpy(&word, slice.data() + k, sizeof(word));
            ++statistics.words.count;
            statistics.words.sum += word;
            statistics.words.smallest = std::min(statistics.words.smallest, word);
            statistics.words.largest = std::max(statistics.words.largest, word);
        }
        progress.advance(slice.size());
    }
    return statistics;
}

void count_all_bytes(Session& session, const gpuio::GPUIOArray<const std::uint8_t>& bytes,
                     Histogram& histogram) {
    const std::vector<std::uint64_t> zeros(session.group_count() * kByteValues);
    const DeviceBuffer<std::uint64_t> partial{std::span(zeros)};
    Progress progress("counting bytes", bytes.size());
    for (std::uint64_t first = 0; first < bytes.size(); first += kSliceBytes) {
        const std::uint64_t last = std::min<std::uint64_t>(bytes.size(), first + kSliceBytes);
        session.run(count_bytes, bytes.ref(), first, last, partial.data());
        progress.advance(last - first);
    }
    std::vector<std::uint64_t> counts(zeros.size());
    partial.copy_to(counts);
    for (std::size_t k = 0; k < counts.size(); ++k) histogram[k % kByteValues] += counts[k];
}

void summarize_all_words(Session& session, const gpuio::GPUIOArray<const std::uint64_t>& words,
                         WordSummary& summary) {
    constexpr std::uint64_t kSliceCount = kSliceBytes / sizeof(std::uint64_t);
    const DeviceBuffer<WordSummary> total{std::span<const WordSummary>(&summary, 1)};
    Progress progress("reducing words", words.size() * sizeof(std::uint64_t));
    for (std::uint64_t first = 0; first < words.size(); first += kSliceCount) {
        const std::uint64_t last = std::min<std::uint64_t>(words.size(), first + kSliceCount);
        session.run(summarize_words, words.ref(), first, last, total.data());
        progress.advance((last - first) * sizeof(std::uint64_t));
    }
    total.copy_to(std::span(&summary, 1));
}

/// Bytes: all of it follows from the histogram.
void describe_bytes(const Histogram& histogram, std::uint64_t size_bytes, Table& table) {
    std::uint64_t sum = 0;
    std::uint64_t distinct = 0;
    std::size_t smallest = kByteValues;
    std::size_t largest = 0;
    for (std::size_t value = 0; value < kByteValues; ++value) {
        if (histogram[value] == 0) continue;
        sum += value * histogram[value];
        ++distinct;
        smallest = std::min(smallest, value);
        largest = value;
    }
    const double mean = static_cast<double>(sum) / static_cast<double>(size_bytes);
    table.row("bytes", format_count(size_bytes) + ", sum " + format_count(sum) + ", min " +
                           std::to_string(smallest) + ", max " + std::to_string(largest) +
                           ", mean " + format_fixed(mean, 2) + ", " + std::to_string(distinct) +
                           " distinct");
}

void describe_words(const WordSummary& words, std::uint64_t size_bytes, Table& table) {
    if (words.count == 0) return;
    table.row("u64 words", format_count(words.count) + ", sum " + std::to_string(words.sum) +
                               " (mod 2^64), min " + std::to_string(words.smallest) + ", max " +
                               std::to_string(words.largest));
    table.row("bytes in no word", std::to_string(size_bytes % sizeof(std::uint64_t)));
}

/// Sixteen lines of sixteen byte values each, with their share as a bar.
void print_histogram(const Histogram& histogram, std::uint64_t size_bytes) {
    constexpr std::size_t kBand = 16;
    constexpr std::size_t kCells = 50;
    std::array<std::uint64_t, kByteValues / kBand> bands{};
    for (std::size_t value = 0; value < kByteValues; ++value) {
        bands[value / kBand] += histogram[value];
    }
    const std::uint64_t highest = *std::ranges::max_element(bands);
    for (std::size_t band = 0; band < bands.size(); ++band) {
        const double share = static_cast<double>(bands[band]) / static_cast<double>(highest);
        const std::string bar(static_cast<std::size_t>(share * kCells), '#');
        std::printf("  %02zx-%02zx %15s %8s %s\n", band * kBand, band * kBand + kBand - 1,
                    format_count(bands[band]).c_str(),
                    format_percent(bands[band], size_bytes).c_str(), bar.c_str());
    }
}

int run(const Options& options) {
    const auto file = File::open(options.file);
    const std::uint64_t size_bytes = file.size_bytes();
    if (size_bytes == 0) {
        std::printf("%s: empty, nothing to reduce\n", options.file.c_str());
        return kOk;
    }
    Session session(options.cache, size_bytes, kGroupWidth, kDevice);
    const std::string uri = localio_uri(options.file);
    Statistics found;
    Outcome outcome{.work = "file_stats " + options.file, .data_bytes = size_bytes};

    const auto start = std::chrono::steady_clock::now();
    const gpuio::GPUIOArray<const std::uint8_t> bytes(session.context(), uri, size_bytes);
    count_all_bytes(session, bytes, found.histogram);
    std::uint64_t words_read_bytes = 0;
    if (const std::uint64_t word_count = size_bytes / sizeof(std::uint64_t); word_count > 0) {
        const gpuio::GPUIOArray<const std::uint64_t> words(session.context(), uri, word_count);
        summarize_all_words(session, words, found.words);
        words_read_bytes = words.stats().read_bytes;
    }
    outcome.seconds = seconds_since(start);
    outcome.path = bytes.path();
    // Both arrays' counters are the context's, but for the bytes read: those are each array's own.
    outcome.stats = bytes.stats();
    outcome.stats.read_bytes += words_read_bytes;
    outcome.right = found == reference_statistics(file, size_bytes);

    std::printf("%s\n", options.file.c_str());
    print_histogram(found.histogram, size_bytes);
    Table table;
    describe_bytes(found.histogram, size_bytes, table);
    describe_words(found.words, size_bytes, table);
    report(session, outcome, options.report, table);
    return outcome.right ? kOk : kFailed;
}

}  // namespace
}  // namespace examples

int main(int argc, char** argv) {
    examples::Options options;
    CLI::App app(
        "Histograms a file's bytes and reduces its bytes and 64-bit words (little-endian) through "
        "GPUIOArrays, checked against plain reads.",
        "file_stats");
    app.add_option("file", options.file, "any regular file")->required()->check(CLI::ExistingFile);
    examples::add_cache_options(app, options.cache);
    examples::add_report_options(app, options.report);
    return examples::run_program(app, argc, argv, [&] { return examples::run(options); });
}
