#include <cstdio>
#include <gpuio/gpuio.hpp>
#include <stdexcept>

#include "data.hpp"
#include "plain_reader.hpp"
#include "rows.hpp"

namespace speed {
namespace {

using Word = std::uint64_t;
constexpr std::uint64_t kFileBytes = 2048 * kMiB;
constexpr std::uint64_t kCacheBytes = 64 * kMiB;

GPUIO_KERNEL void scan(gpuio::ArrayRef<const Word> a, Word* sum) {
    Word total = 0;
    auto p = a.pin(0);
    for (std::size_t i = 0; i < a.size(); ++i) total += p[i];
    *sum = total;
}

struct Scan {
    double seconds;
    Word sum;
};

Scan scan_gpuio(const std::string& path) {
    gpuio::Config config;
    config.device = "host";
    config.memory_pool_size = kCacheBytes;
    const gpuio::Context context(config);
    const gpuio::GPUIOArray<const Word> a(context, "localio://" + path + "?direct=1",
                                          kFileBytes / sizeof(Word));
    Scan result{};
    result.seconds = seconds_of([&] {
        gpuio::launch(context, 1, 1, scan, a.ref(), &result.sum);
        gpuio::Context(context).synchronize();
    });
    return result;
}

Scan scan_plain(const std::string& path, std::size_t block_bytes) {
    Scan result{};
    result.seconds = seconds_of([&] {
        PlainReader reader(path, kFileBytes, block_bytes);
        for (;;) {
            const PlainReader::Block block = reader.next();
            if (block.bytes == 0) break;
            const Word* words = reinterpret_cast<const Word*>(block.data);
            for (std::size_t i = 0; i < block.bytes / sizeof(Word); ++i) result.sum += words[i];
        }
    });
    return result;
}

/// The block size with which the plain loop is fastest here: it gets its best.
std::size_t best_block(const std::string& path) {
    std::size_t best = 0;
    double best_seconds = 1e9;
    for (const std::size_t block : {kMiB / 2, kMiB, 2 * kMiB, 4 * kMiB, 8 * kMiB}) {
        std::vector<double> seconds;
        for (int k = 0; k < 3; ++k) seconds.push_back(scan_plain(path, block).seconds);
        if (median(seconds) < best_seconds) {
            best_seconds = median(seconds);
            best = block;
        }
    }
    return best;
}

}  // namespace

void cold_scan_rows(const Options& options, const Emit& emit) {
    const std::size_t block = best_block(options.data_file);
    Word ours = 0;
    Word theirs = 0;
    const auto rate = [](const Scan& scan, Word& sum) {
        sum = scan.sum;
        return static_cast<double>(kFileBytes / kMiB) / scan.seconds;
    };
    Side gpuio([&] { return rate(scan_gpuio(options.data_file), ours); });
    Side plain([&] { return rate(scan_plain(options.data_file, block), theirs); });
    take_turns(options.rounds, std::vector<Side*>{&gpuio, &plain});
    if (ours != theirs) throw std::runtime_error("cold scan: the sums differ");
    emit({"cold scan of 2 GiB, cursor, cache 64 MiB",
          "O_DIRECT loop, 2 buffers of " + std::to_string(block / 1024) + " KiB", "MiB/s",
          compare(gpuio.rates(), plain.rates()), 0.9});
}

}  // namespace speed
