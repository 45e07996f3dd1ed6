// Random reads of a file whose element i is a hash of i, by thousands of warps that fight for a few
// frames. Every value is checked: a page in the wrong frame, a torn or stale element shows up.
#include "support.cuh"

using namespace gpu_test;

namespace {

constexpr std::uint64_t kSalt = 0x5eed;
constexpr std::uint64_t kReads = 10'000'000;
constexpr double kBudgetSeconds = 10;  // of one case, where the machine is slow

GPUIO_KERNEL void read_at_random(gpuio::ArrayRef<const std::uint64_t> a, std::uint64_t reads,
                                 std::uint64_t seed, Mismatches* wrong) {
    for (std::uint64_t i = gpuio::thread_index(); i < reads; i += gpuio::thread_count()) {
        const std::uint64_t at = mix(seed + i) % a.size();
        wrong->expect(at, a[at], mix(at ^ kSalt));
    }
}

template <int count>
GPUIO_KERNEL void gather_at_random(gpuio::ArrayRef<const std::uint64_t> a, std::uint64_t reads,
                                   std::uint64_t seed, Mismatches* wrong) {
    const std::uint64_t step = gpuio::thread_count() * count;
    for (std::uint64_t i = gpuio::thread_index() * count; i < reads; i += step) {
        std::size_t at[count];
        std::uint64_t values[count];
        for (int k = 0; k < count; ++k) at[k] = mix(seed + i + k) % a.size();
        a.gather(at, values);
        for (int k = 0; k < count; ++k) wrong->expect(at[k], values[k], mix(at[k] ^ kSalt));
    }
}

struct Shape {
    std::uint64_t page_bytes;
    std::uint64_t file_pages;
    std::uint64_t l1_pages;
    std::uint64_t l2_pages;
    const char* query;
};

using Kernel = void (*)(gpuio::ArrayRef<const std::uint64_t>, std::uint64_t, std::uint64_t,
                        Mismatches*);

void thrash(const Shape& shape, Kernel kernel = read_at_random) {
    const std::uint64_t bytes = shape.page_bytes * shape.file_pages;
    TempFile file(bytes, kSalt);
    gpuio::Context context(config_of(shape.page_bytes, shape.l1_pages, shape.l2_pages));
    gpuio::GPUIOArray<const std::uint64_t> a(context, file.uri(shape.query), bytes / 8);
    Report wrong;
    const std::uint64_t wanted = scaled(kReads, 1 << 14);
    const std::uint64_t chunk = scaled(1 << 20, 1 << 12);
    const auto start = std::chrono::steady_clock::now();
    std::uint64_t done = 0;
    while (done < wanted && (done == 0 || seconds_since(start) < kBudgetSeconds)) {
        gpuio::launch(context, 1024, 256, kernel, a.ref(), chunk, done, wrong.device());
        context.synchronize();
        done += chunk;
    }
    const double seconds = seconds_since(start);
    CHECK_NO_MISMATCH(wrong);
    const gpuio::Stats stats = a.stats();
    std::printf("    %llu reads, %llu misses (%.0f k/s), %llu joined, %llu evictions; %s\n",
                static_cast<unsigned long long>(done),
                static_cast<unsigned long long>(stats.l1_misses),
                static_cast<double>(stats.l1_misses) / seconds / 1e3,
                static_cast<unsigned long long>(stats.l1_joined),
                static_cast<unsigned long long>(stats.l1_evictions), a.path().c_str());
    CHECK(stats.l1_evictions > 0);
    CHECK(stats.l1_misses >= stats.l1_evictions);
}

}  // namespace

int main(int argc, char** argv) {
    return run(argc, argv,
               {
                   {"512 B, 64 frames, in L2", [] { thrash({512, 8192, 64, 9000, "direct=0"}); }},
                   {"4 KiB, 256 frames, in L2", [] { thrash({4096, 8192, 256, 9000, ""}); }},
                   {"4 KiB, 256 frames, small L2", [] { thrash({4096, 8192, 256, 512, ""}); }},
                   {"4 KiB, 32 frames, 8 frames of L2",
                    [] { thrash({4096, 512, 32, 8, "direct=0"}); }},
                   {"64 KiB, warp copies", [] { thrash({64 << 10, 1024, 256, 512, ""}); }},
                   {"4 KiB, 256 frames, small L2, four at a time",
                    [] { thrash({4096, 8192, 256, 512, ""}, gather_at_random<4>); }},
                   {"4 KiB, most in L1, eight at a time",
                    [] { thrash({4096, 8192, 7000, 9000, ""}, gather_at_random<8>); }},
                   {"256 KiB, copy engine", [] { thrash({256 << 10, 256, 64, 128, ""}); }},
                   {"2 MiB, copy engine", [] { thrash({2 << 20, 48, 32, 40, ""}); }},
               });
}
