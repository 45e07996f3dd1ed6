// Writes: every element once and in random order, then read-modify-write in another order, through
// caches that hold a fraction of the array, so that dirty pages are evicted all the time, and by
// many warps at once. The file is read back by ordinary means.
#include "support.cuh"

using namespace gpu_test;

namespace {

GPUIO_KERNEL void write_once(gpuio::ArrayRef<std::uint64_t> a, unsigned bits, std::uint64_t first,
                             std::uint64_t last) {
    for (std::uint64_t i = first + gpuio::thread_index(); i < last; i += gpuio::thread_count()) {
        const std::uint64_t at = permute(i, bits);
        a[at] = mix(at);
    }
}

GPUIO_KERNEL void modify(gpuio::ArrayRef<std::uint64_t> a, unsigned bits, std::uint64_t first,
                         std::uint64_t last) {
    for (std::uint64_t i = first + gpuio::thread_index(); i < last; i += gpuio::thread_count()) {
        const std::uint64_t at = permute(i ^ 0x55, bits);
        a[at] += at;
        a[at] *= 3;
    }
}

/// Half of the accesses write one array, half check another: clean and dirty victims mix.
GPUIO_KERNEL void write_and_check(gpuio::ArrayRef<std::uint64_t> to,
                                  gpuio::ArrayRef<const std::uint64_t> from, unsigned bits,
                                  std::uint64_t salt, Mismatches* wrong) {
    const std::uint64_t n = std::uint64_t{1} << bits;
    for (std::uint64_t i = gpuio::thread_index(); i < n; i += gpuio::thread_count()) {
        const std::uint64_t at = permute(i, bits);
        const std::uint64_t seen = from[permute(i ^ 0x33, bits)];
        wrong->expect(permute(i ^ 0x33, bits), seen, mix(permute(i ^ 0x33, bits) ^ salt));
        to[at] = seen ^ at;
    }
}

void expect_file(const TempFile& file, unsigned bits, std::uint64_t (*expected)(std::uint64_t)) {
    const auto words = file.read<std::uint64_t>(0, std::size_t{1} << bits);
    for (std::uint64_t at = 0; at < words.size(); ++at) CHECK_EQ(words[at], expected(at));
}

unsigned bits_of(std::uint64_t count) {
    unsigned bits = 10;
    while ((std::uint64_t{2} << bits) <= count) ++bits;
    return bits;
}

/// \param slices launches; with more than one, what one kernel wrote the next finds in any tier
void write_then_modify(std::uint64_t page_bytes, std::uint64_t l1_pages, std::uint64_t l2_pages,
                       unsigned bits, unsigned slices, const char* query) {
    // Larger than L1, however little work is asked for.
    while ((std::uint64_t{8} << bits) < 2 * l1_pages * page_bytes) ++bits;
    const std::uint64_t n = std::uint64_t{1} << bits;
    TempFile file(n * 8);
    gpuio::Context context(config_of(page_bytes, l1_pages, l2_pages));
    gpuio::GPUIOArray<std::uint64_t> a(context, file.uri(query), n);
    for (unsigned k = 0; k < slices; ++k) {
        gpuio::launch(context, 528, 256, write_once, a.ref(), bits, n * k / slices,
                      n * (k + 1) / slices);
    }
    context.synchronize();
    a.flush();
    expect_file(file, bits, [](std::uint64_t at) { return mix(at); });
    for (unsigned k = 0; k < slices; ++k) {
        gpuio::launch(context, 264, 512, modify, a.ref(), bits, n * k / slices,
                      n * (k + 1) / slices);
    }
    context.synchronize();
    a.flush();
    expect_file(file, bits, [](std::uint64_t at) { return (mix(at) + at) * 3; });
    const gpuio::Stats stats = a.stats();
    std::printf("    %llu misses, %llu write-backs, %.1f MiB written\n",
                static_cast<unsigned long long>(stats.l1_misses),
                static_cast<unsigned long long>(stats.l1_write_backs),
                static_cast<double>(stats.written_bytes) / (1 << 20));
    CHECK(stats.l1_write_backs > 0);
}

/// Neighbours in a page are written by different warps, and the page goes and comes meanwhile.
void write_beside_reads(std::uint64_t page_bytes, unsigned bits) {
    constexpr std::uint64_t salt = 77;
    const std::uint64_t n = std::uint64_t{1} << bits;
    TempFile to_file(n * 8);
    TempFile from_file(n * 8, salt);
    gpuio::Context context(config_of(page_bytes, 64, 64));
    gpuio::GPUIOArray<std::uint64_t> to(context, to_file.uri(), n);
    gpuio::GPUIOArray<const std::uint64_t> from(context, from_file.uri(), n);
    Report wrong;
    gpuio::launch(context, 1056, 128, write_and_check, to.ref(), from.ref(), bits, salt,
                  wrong.device());
    context.synchronize();
    to.flush();
    CHECK_NO_MISMATCH(wrong);
    const auto words = to_file.read<std::uint64_t>(0, n);
    for (std::uint64_t i = 0; i < n; ++i) {
        const std::uint64_t at = permute(i, bits);
        CHECK_EQ(words[at], mix(permute(i ^ 0x33, bits) ^ salt) ^ at);
    }
}

/// The array's destructor writes back, too; what the host wrote and kernels wrote is all there.
void close_writes_back(unsigned bits) {
    const std::uint64_t n = std::uint64_t{1} << bits;
    TempFile file(n * 8);
    gpuio::Context context(config_of(4096, 4096, 4096));
    {
        gpuio::GPUIOArray<std::uint64_t> a(context, file.uri(), n);
        std::vector<std::uint64_t> ones(n, 1);
        a.write(0, ones);
        gpuio::launch(context, 32, 256, write_once, a.ref(), bits, std::uint64_t{0}, n / 2);
    }
    const auto words = file.read<std::uint64_t>(0, n);
    std::vector<bool> written(n);
    for (std::uint64_t i = 0; i < n / 2; ++i) written[permute(i, bits)] = true;
    for (std::uint64_t at = 0; at < n; ++at) {
        CHECK_EQ(words[at], written[at] ? mix(at) : std::uint64_t{1});
    }
}

}  // namespace

int main(int argc, char** argv) {
    const unsigned small = bits_of(scaled(1 << 18));
    const unsigned large = bits_of(scaled(1 << 20));
    return run(
        argc, argv,
        {
            {"512 B, 64 + 64 frames", [=] { write_then_modify(512, 64, 64, small, 1, ""); }},
            {"4 KiB, 64 + 64 frames", [=] { write_then_modify(4096, 64, 64, small, 1, ""); }},
            {"4 KiB, 256 + 1024", [=] { write_then_modify(4096, 256, 1024, large, 7, ""); }},
            {"4 KiB, buffered", [=] { write_then_modify(4096, 128, 128, small, 1, "direct=0"); }},
            {"64 KiB, 96 + 96", [=] { write_then_modify(64 << 10, 96, 96, large + 2, 1, ""); }},
            {"256 KiB, 64 + 48", [=] { write_then_modify(256 << 10, 64, 48, large + 3, 1, ""); }},
            {"writes beside reads, 4 KiB", [=] { write_beside_reads(4096, large); }},
            {"writes beside reads, 256 KiB", [=] { write_beside_reads(256 << 10, large + 2); }},
            {"closing writes back", [=] { close_writes_back(small); }},
        });
}
