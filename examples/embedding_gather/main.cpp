// Gathers rows of a model's token-embedding matrix, which lies inside a .safetensors file, and
// mean-pools them for random token sequences.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <gpuio/gpuio.hpp>
#include <random>
#include <span>
#include <stdexcept>
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
#include "embedding_gather/mean_pool.hpp"
#include "embedding_gather/safetensors.hpp"

namespace examples {
namespace {

struct Options {
    std::string model;
    std::string tensor;
    std::uint64_t sequence_count = 4096;
    std::uint64_t batch_count = 256;
    std::uint64_t seed = 1;
    bool uniform = false;
    // Rows are picked at random: a page larger than a row or two brings bytes nobody wants.
    CacheOptions cache{.page_bytes = 4096};
    ReportOptions report;
};

/// Token sequences of 8 to 128 tokens.
struct Sequences {
    std::vector<std::uint32_t> tokens;
    std::vector<std::uint64_t> starts = {0};
};

/// The frequency of a word falls with its rank, about as 1 / rank (Zipf): the logarithm of the
/// rank is then uniform. `uniform` draws every token alike instead: the worst case for a cache.
Sequences draw_sequences(std::mt19937_64& random, std::uint64_t count, std::uint64_t vocabulary,
                         bool uniform) {
    Sequences sequences;
    std::uniform_int_distribution<unsigned> length(8, 128);
    std::uniform_real_distribution<double> unit(0, 1);
    const auto size = static_cast<double>(vocabulary);
    for (std::uint64_t s = 0; s < count; ++s) {
        for (unsigned left = length(random); left > 0; --left) {
            const double u = unit(random);
            const double rank = uniform ? u * size : std::pow(size + 1, u) - 1;
            const auto token = static_cast<std::uint64_t>(rank);
            sequences.tokens.push_back(static_cast<std::uint32_t>(std::min(token, vocabulary - 1)));
        }
        sequences.starts.push_back(sequences.tokens.size());
    }
    return sequences;
}

/// The same means from a matrix in memory, added in the same order.
template <typename T>
std::vector<float> reference_means(std::span<const T> matrix, std::uint64_t width,
                                   const Sequences& sequences) {
    std::vector<float> means((sequences.starts.size() - 1) * width, 0.0F);
    for (std::size_t s = 0; s + 1 < sequences.starts.size(); ++s) {
        const std::span mean = std::span(means).subspan(s * width, width);
        const std::uint64_t first = sequences.starts[s];
        const std::uint64_t last = sequences.starts[s + 1];
        for (std::uint64_t t = first; t < last; ++t) {
            const auto row = matrix.subspan(sequences.tokens[t] * width, width);
            for (std::size_t k = 0; k < width; ++k) mean[k] += to_float(row[k]);
        }
        for (float& value : mean) value /= static_cast<float>(last - first);
    }
    return means;
}

/// Runs one batch on the device and returns whether every mean is exactly the plain one.
template <typename T>
bool pool_batch(Session& session, const gpuio::GPUIOArray<const T>& rows, std::span<const T> matrix,
                std::uint64_t width, const Sequences& sequences, double& seconds) {
    const std::uint64_t count = sequences.starts.size() - 1;
    std::vector<float> means(count * width);
    const DeviceBuffer<std::uint32_t> tokens{std::span(sequences.tokens)};
    const DeviceBuffer<std::uint64_t> starts{std::span(sequences.starts)};
    const DeviceBuffer<float> results{std::span<const float>(means)};
    const Batch batch{tokens.data(), starts.data(), results.data(), count, width};

    const auto start = std::chrono::steady_clock::now();
    session.run(mean_pool<T>, rows.ref(), batch);
    seconds += seconds_since(start);
    results.copy_to(means);

    const auto expected = reference_means(matrix, width, sequences);
    // A NaN among a model's weights makes a mean NaN, with whichever bits the processor chooses.
    return std::ranges::equal(means, expected, [](float left, float right) {
        return left == right || (std::isnan(left) && std::isnan(right));
    });
}

template <typename T>
int gather(const Options& options, const File& file, const Tensor& tensor) {
    const std::uint64_t vocabulary = tensor.shape[0];
    const std::uint64_t width = tensor.shape[1];
    std::vector<T> matrix(vocabulary * width);
    file.read_at(std::as_writable_bytes(std::span(matrix)), tensor.position_bytes);

    Session session(options.cache, tensor.size_bytes, kGroupWidth, kDevice);
    const gpuio::GPUIOArray<const T> rows(
        session.context(), localio_uri(options.model, tensor.position_bytes), matrix.size());
    std::printf("%s: %s, %s x %s %s, at byte %s of the file\n", options.model.c_str(),
                tensor.name.c_str(), format_count(vocabulary).c_str(), format_count(width).c_str(),
                tensor.dtype.c_str(), format_count(tensor.position_bytes).c_str());

    Outcome outcome{.work = "embedding_gather " + options.model, .data_bytes = tensor.size_bytes};
    std::uint64_t token_count = 0;
    std::mt19937_64 random(options.seed);
    {
        Progress progress("pooling", options.sequence_count * width * sizeof(float));
        for (std::uint64_t done = 0; done < options.sequence_count;) {
            const auto count = std::min(options.batch_count, options.sequence_count - done);
            const auto sequences = draw_sequences(random, count, vocabulary, options.uniform);
            outcome.right =
                pool_batch<T>(session, rows, matrix, width, sequences, outcome.seconds) &&
                outcome.right;
            token_count += sequences.tokens.size();
            done += count;
            progress.advance(count * width * sizeof(float));
        }
    }
    outcome.path = rows.path();
    outcome.stats = rows.stats();
    Table table;
    table.row("sequences", format_count(options.sequence_count));
    table.row("rows gathered", format_count(token_count) + " (" +
                                   format_bytes(token_count * width * sizeof(T)) + ")");
    table.row("rows a second", format_count(static_cast<std::uint64_t>(
                                   static_cast<double>(token_count) / outcome.seconds)));
    report(session, outcome, options.report, table);
    return outcome.right ? kOk : kFailed;
}

int run(const Options& options) {
    const auto file = File::open(options.model);
    const auto tensors = read_safetensors(file);
    const Tensor& tensor = find_embedding(tensors, options.tensor);
    // Token numbers are u32 in the kernel.
    if (tensor.shape[0] > 0xffffffff) throw std::runtime_error(tensor.name + " has too many rows");
    return tensor.dtype == "F16" ? gather<Half>(options, file, tensor)
                                 : gather<float>(options, file, tensor);
}

}  // namespace
}  // namespace examples

int main(int argc, char** argv) {
    examples::Options options;
    CLI::App app(
        "Mean-pools rows of the token-embedding matrix in a .safetensors file for random token "
        "sequences, checked against a plain computation.",
        "embedding_gather");
    app.add_option("model", options.model, ".safetensors file")
        ->required()
        ->check(CLI::ExistingFile);
    app.add_option("--tensor", options.tensor, "the matrix, where its name does not tell");
    app.add_option("--sequences", options.sequence_count, "token sequences to pool")
        ->check(CLI::Range(1, 100'000'000))
        ->capture_default_str();
    app.add_option("--batch", options.batch_count, "sequences a kernel launch")
        ->check(CLI::Range(1, 1'000'000))
        ->capture_default_str();
    app.add_option("--seed", options.seed, "another seed, other sequences")->capture_default_str();
    app.add_flag("--uniform", options.uniform, "all tokens equally frequent, not as words are");
    examples::add_cache_options(app, options.cache);
    examples::add_report_options(app, options.report);
    return examples::run_program(app, argc, argv, [&] { return examples::run(options); });
}
