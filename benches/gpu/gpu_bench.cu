// What gpuio costs and gains on a card, each figure beside a reference that was measured in the
// same run: accesses that hit, pages from host memory, fault round trips, files, managed memory.
//
//     gpu_bench [PART...]     parts: warm pinned host faults memio files uvm; without any, all
//
// Files go to TMPDIR. fio is the reference for files; GPUIO_BENCH_FIO says how to start it [fio].
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>

#include "kernels.cuh"
#include "measure.cuh"

using namespace gpu_bench;

namespace {

constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kBlocks = 1056;  // 8 blocks of 256 threads on each of 132 multiprocessors
constexpr std::uint64_t kThreads = 256;
constexpr std::uint64_t kWarps = kBlocks * kThreads / 32;

using Memory = Buffer<Word>;
constexpr auto kDevice = Memory::Kind::kDevice;
constexpr auto kPinned = Memory::Kind::kPinned;
constexpr auto kManaged = Memory::Kind::kManaged;

gpuio::Config config_of(std::uint64_t page_bytes, std::uint64_t l1_bytes, std::uint64_t l2_bytes) {
    gpuio::Config config;
    config.device = "cuda:0";
    config.page_bytes = page_bytes;
    config.l1_capacity_bytes = l1_bytes;
    config.l2_capacity_bytes = l2_bytes;
    config.prefetch = false;
    return config;
}

/// A file of `bytes` that are not zeros, removed at the end.
class File {
public:
    explicit File(std::uint64_t bytes) {
        path_ = (std::filesystem::temp_directory_path() / "gpuio-bench-XXXXXX").string();
        descriptor_ = ::mkstemp(path_.data());
        if (descriptor_ < 0) throw std::runtime_error("cannot make a file in TMPDIR");
        std::vector<std::uint64_t> block(8 * kMiB / 8);
        for (std::size_t k = 0; k < block.size(); ++k) block[k] = mix(k);
        for (std::uint64_t at = 0; at < bytes; at += 8 * kMiB) {
            block[0] = at;
            if (::pwrite(descriptor_, block.data(), 8 * kMiB, off_t(at)) != ssize_t(8 * kMiB)) {
                throw std::runtime_error("cannot fill a file in TMPDIR");
            }
        }
        ::fsync(descriptor_);
    }
    ~File() {
        ::close(descriptor_);
        ::unlink(path_.c_str());
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    const std::string& path() const { return path_; }
    std::string uri(const char* query) const { return "localio://" + path_ + "?" + query; }

private:
    std::string path_;
    int descriptor_ = -1;
};

/// Brings all of an array to L2, and nothing to L1.
void warm_l2(const gpuio::GPUIOArray<const Word>& a) {
    std::vector<Word> piece(kMiB);
    for (std::uint64_t at = 0; at < a.size(); at += piece.size()) {
        const std::uint64_t count = std::min<std::uint64_t>(piece.size(), a.size() - at);
        a.read(at, std::span<Word>(piece.data(), count));
    }
}

std::string size_name(std::uint64_t bytes) {
    return bytes < 1024 ? std::to_string(bytes) + " B" : std::to_string(bytes >> 10) + " KiB";
}

/// Both kernels of a pair over the same grid; billions of elements a second.
template <class OfArray, class OfMemory, class... Args>
void pair(const char* name, gpuio::Context& context, const gpuio::GPUIOArray<const Word>& a,
          const Memory& plain, double elements, OfArray of_array, OfMemory of_memory,
          Args... args) {
    const double ours = seconds(stream_of(context), [&] {
        gpuio::launch(context, kBlocks, kThreads, of_array, a.ref(), args...);
    });
    context.synchronize();
    const double raw = seconds(nullptr, [&] {
        of_memory<<<kBlocks, kThreads>>>(Plain{plain.data()}, args...);
    });
    CHECK_CUDA(cudaGetLastError());
    figure(name, elements / ours / 1e9, "G/s", "raw kernel", elements / raw / 1e9);
}

/// Accesses that hit.
void warm() {
    const std::uint64_t bytes = 256 * kMiB, count = bytes / sizeof(Word);
    for (const std::uint64_t page_bytes : {4096ull, 65536ull}) {
        gpuio::Context context(config_of(page_bytes, bytes + 32 * kMiB, 16 * kMiB));
        gpuio::GPUIOArray<const Word> a(context, "memio://cpu/dram", count);
        Memory plain(kDevice, count);
        Memory sink(kDevice, 1);
        CHECK_CUDA(cudaMemset(plain.data(), 1, bytes));
        gpuio::launch(context, kBlocks, kThreads, read_in_order<Paged>, a.ref(), count,
                      sink.data());
        context.synchronize();
        const std::string suffix = ", pages of " + size_name(page_bytes);
        const double random = double(kBlocks * kThreads) * 256;
        pair(("warm a[i] random" + suffix).c_str(), context, a, plain, random, read_random<Paged>,
             read_random<Plain>, count - 1, 256u, sink.data());
        pair(("warm a[i] in order" + suffix).c_str(), context, a, plain, double(count),
             read_in_order<Paged>, read_in_order<Plain>, count, sink.data());
        pair(("warm gather of 4, random" + suffix).c_str(), context, a, plain, random,
             gather_at_random<4, Paged>, read_random<Plain>, count - 1, 256u, sink.data());
        pair(("warm gather of 4, in order" + suffix).c_str(), context, a, plain, double(count),
             gather_in_order<4, Paged>, read_in_order<Plain>, count, sink.data());
        pair(("warm gather of 8, in order" + suffix).c_str(), context, a, plain, double(count),
             gather_in_order<8, Paged>, read_in_order<Plain>, count, sink.data());
        const std::uint64_t chunk = std::min<std::uint64_t>(page_bytes, 16384) / sizeof(Word);
        pair(("warm cursor p[k]" + suffix).c_str(), context, a, plain, double(count),
             read_by_cursor<Paged>, read_by_cursor<Plain>, count, chunk, sink.data());
        pair(("warm run()" + suffix).c_str(), context, a, plain, double(count),
             read_by_run<Paged>, read_by_run<Plain>, count, chunk, sink.data());
    }
}

/// A file that is whole in GPU memory.
void pinned() {
    const std::uint64_t bytes = 256 * kMiB, count = bytes / sizeof(Word);
    File file(bytes);
    gpuio::Context context(config_of(65536, 32 * kMiB, 32 * kMiB));
    gpuio::GPUIOArray<const Word> a(context, file.uri("direct=0&policy=pinned"), count);
    Memory plain(kDevice, count);
    Memory sink(kDevice, 1);
    CHECK_CUDA(cudaMemset(plain.data(), 1, bytes));
    pair("pinned a[i] random", context, a, plain, double(kBlocks * kThreads) * 256,
         read_random<Paged>, read_random<Plain>, count - 1, 256u, sink.data());
    pair("pinned a[i] in order", context, a, plain, double(count), read_in_order<Paged>,
         read_in_order<Plain>, count, sink.data());
}

/// Gigabytes a second of a gather of whole records through an array.
double gather_rate(gpuio::Context& context, const gpuio::GPUIOArray<const Word>& a,
                   std::uint64_t record_bytes, std::uint64_t wanted, std::uint64_t warps,
                   Word* sink, int rounds = 3) {
    const std::uint64_t record = record_bytes / sizeof(Word);
    std::uint64_t seed = 1;
    const double time = seconds(
        stream_of(context),
        [&] {
            // Small blocks, so that few warps spread over all multiprocessors.
            gpuio::launch(context, std::max<std::uint64_t>(warps / 2, 1), 64, gather<Paged>,
                          a.ref(), a.size() / record, record, wanted, seed, sink);
            seed += wanted;
        },
        rounds);
    context.synchronize();
    return double(wanted * record_bytes) / time / 1e9;
}

/// Reads every page once: what L2 has, kernels copy without asking from then on.
void ask_for_all(gpuio::Context& context, const gpuio::GPUIOArray<const Word>& a,
                 std::uint64_t page_bytes, std::uint64_t warps, Word* sink) {
    gpuio::launch(context, std::max<std::uint64_t>(warps / 2, 1), 64, read_by_run<Paged>, a.ref(),
                  a.size(), page_bytes / sizeof(Word), sink);
    context.synchronize();
}

/// The gather from plain memory.
double plain_gather_rate(const Memory& memory, std::uint64_t bytes, std::uint64_t record_bytes,
                         std::uint64_t wanted, Word* sink) {
    const std::uint64_t record = record_bytes / sizeof(Word);
    std::uint64_t seed = 1;
    const double time = seconds(
        nullptr,
        [&] {
            gather<Plain><<<kBlocks, kThreads>>>(Plain{memory.data()}, bytes / record_bytes, record,
                                                 wanted, seed, sink);
            seed += wanted;
        },
        3);
    CHECK_CUDA(cudaGetLastError());
    return double(wanted * record_bytes) / time / 1e9;
}

/// Pages from host memory: all of the data is in L2, a part of it in L1.
void host() {
    const std::uint64_t bytes = 1024 * kMiB;
    Memory pinned(kPinned, bytes / sizeof(Word));
    Memory device(kDevice, bytes / sizeof(Word));
    Memory sink(kDevice, 1);
    std::memset(pinned.data(), 1, bytes);
    const double copy = double(bytes) / 1e9 / seconds(nullptr, [&] {
        CHECK_CUDA(cudaMemcpyAsync(device.data(), pinned.data(), bytes, cudaMemcpyHostToDevice));
    });
    figure("cudaMemcpyAsync from pinned memory", copy, "GB/s");
    File file(bytes);
    struct Way {
        std::uint64_t page_bytes;
        bool by_warps;
    };
    for (const auto& [page_bytes, by_warps] :
         {Way{512, true}, Way{4096, true}, Way{16384, true}, Way{65536, true}, Way{65536, false},
          Way{262144, true}, Way{262144, false}}) {
        gpuio::Config config = config_of(page_bytes, 128 * kMiB, bytes + 16 * kMiB);
        config.copy_engine_bytes = by_warps ? 2 * page_bytes : page_bytes;
        gpuio::Context context(config);
        gpuio::GPUIOArray<const Word> a(context, file.uri("direct=0"), bytes / sizeof(Word));
        warm_l2(a);
        const std::uint64_t wanted = bytes / 4 / page_bytes;
        // No more warps than half the frames: each holds one.
        const std::uint64_t warps = std::min(kWarps, 64 * kMiB / page_bytes);
        const gpuio::Stats before = a.stats();
        const double ours = gather_rate(context, a, page_bytes, wanted, warps, sink.data());
        const gpuio::Stats after = a.stats();
        const double plain = plain_gather_rate(pinned, bytes, page_bytes, wanted, sink.data());
        const std::string name = "pages of " + size_name(page_bytes) + " from L2" +
                                 (by_warps ? "" : ", copy engine");
        figure(name, ours, "GB/s", "zero-copy gather", plain);
        figure(name, ours, "GB/s", "cudaMemcpyAsync", copy);
        figure(name + ", pages", ours * 1e3 / double(page_bytes), "M/s");
        figure(name + ", of these missed",
               double(after.l1_misses - before.l1_misses) / double(4 * wanted), "");
        if (!by_warps) continue;
        // Above, most pages are asked for the first time: the host has brought them to L2.
        ask_for_all(context, a, page_bytes, warps, sink.data());
        const double again = gather_rate(context, a, page_bytes, wanted, warps, sink.data());
        figure(name + ", asked for before", again, "GB/s", "zero-copy gather", plain);
    }
}

/// Round trips of faults for pages that are in L2.
void faults() {
    constexpr std::uint64_t page_bytes = 4096, page = page_bytes / sizeof(Word);
    const std::uint64_t bytes = 512 * kMiB;
    File file(bytes);
    gpuio::Config config = config_of(page_bytes, 64 * kMiB, bytes + 16 * kMiB);
    config.request_slots = 4096;
    gpuio::Context context(config);
    gpuio::GPUIOArray<const Word> a(context, file.uri("direct=0"), bytes / sizeof(Word));
    warm_l2(a);
    Buffer<std::uint32_t> took(Buffer<std::uint32_t>::Kind::kDevice, 1 << 17);
    gpuio::launch(context, 1, 32, time_faults, a.ref(), bytes / page_bytes - 64, page, 16u, 1u,
                  took.data());
    context.synchronize();
    std::uint64_t first = 0;
    struct Load {
        unsigned warps, each, lanes;
    };
    for (const auto& [warps, each, lanes] :
         {Load{1, 200, 1}, Load{16, 200, 1}, Load{256, 100, 1}, Load{1024, 16, 1},
          Load{4096, 4, 1}, Load{1, 200, 32}, Load{16, 200, 32}, Load{256, 50, 32},
          Load{1024, 16, 32}, Load{4096, 4, 32}}) {
        const std::uint64_t count = std::uint64_t{warps} * each;
        cudaEvent_t begin, end;
        CHECK_CUDA(cudaEventCreate(&begin));
        CHECK_CUDA(cudaEventCreate(&end));
        CHECK_CUDA(cudaEventRecord(begin, stream_of(context)));
        // One warp a block, so that few warps spread over many multiprocessors.
        gpuio::launch(context, warps, 32, time_faults, a.ref(), first, page, each, lanes,
                      took.data());
        CHECK_CUDA(cudaEventRecord(end, stream_of(context)));
        context.synchronize();
        float milliseconds = 0;
        CHECK_CUDA(cudaEventElapsedTime(&milliseconds, begin, end));
        std::vector<std::uint32_t> all(count);
        CHECK_CUDA(cudaMemcpy(all.data(), took.data(), count * 4, cudaMemcpyDeviceToHost));
        std::sort(all.begin(), all.end());
        const std::string name = "faults, " + std::to_string(lanes) + " lanes of " +
                                 std::to_string(warps) + " warps";
        figure(name, double(count) / milliseconds, "k/s");
        figure(name + ", median", all[count / 2] / 1e3, "us");
        figure(name + ", 99th percentile", all[count * 99 / 100] / 1e3, "us");
        first += count;
        CHECK_CUDA(cudaEventDestroy(begin));
        CHECK_CUDA(cudaEventDestroy(end));
    }
}

/// Host memory as an array: cached, and in place.
void memio() {
    const std::uint64_t bytes = 256 * kMiB, count = bytes / sizeof(Word);
    Memory pinned(kPinned, count);
    Memory sink(kDevice, 1);
    std::memset(pinned.data(), 1, bytes);
    gpuio::Context context(config_of(4096, 32 * kMiB, 16 * kMiB));
    const unsigned each = 16;
    const double reads = double(kBlocks * kThreads) * each;
    const double raw = reads / 1e9 / seconds(nullptr, [&] {
        read_random<Plain><<<kBlocks, kThreads>>>(Plain{pinned.data()}, count - 1, each,
                                                  sink.data());
    });
    CHECK_CUDA(cudaGetLastError());
    for (const char* policy : {"bypass", "cached"}) {
        gpuio::GPUIOArray<const Word> a(
            context, std::string("memio://cpu/dram?policy=") + policy, count);
        if (std::strcmp(policy, "bypass") == 0) {
            const double ours = reads / 1e9 / seconds(stream_of(context), [&] {
                gpuio::launch(context, kBlocks, kThreads, read_random<Paged>, a.ref(), count - 1,
                              each, sink.data());
            });
            context.synchronize();
            figure("memio bypass, a[i] random", ours, "G/s", "zero-copy kernel", raw);
        }
        const std::uint64_t wanted = bytes / 2 / 4096;
        const double ours = gather_rate(context, a, 4096, wanted, 4096, sink.data());
        const double plain = plain_gather_rate(pinned, bytes, 4096, wanted, sink.data());
        figure(std::string("memio ") + policy + ", 4 KiB records", ours, "GB/s",
               "zero-copy gather", plain);
    }
}

/// What the first line of a command's output has behind `fields` semicolons; 0 without the command.
double field_of(const std::string& command, int fields) {
    FILE* pipe = ::popen((command + " 2>/dev/null").c_str(), "r");
    if (pipe == nullptr) return 0;
    char line[4096] = {};
    const char* at = std::fgets(line, sizeof line, pipe);
    ::pclose(pipe);
    for (int k = 0; at != nullptr && k < fields; ++k) {
        at = std::strchr(at, ';');
        if (at != nullptr) ++at;
    }
    return at == nullptr ? 0 : std::atof(at);
}

/// Random reads of this size by fio, 64 at a time, O_DIRECT and registered as localio's are; GB/s.
/// The variable GPUIO_BENCH_FIO says how to start fio.
double fio_rate(const File& file, std::uint64_t bytes) {
    const char* fio = std::getenv("GPUIO_BENCH_FIO");
    const std::string command =
        std::string(fio != nullptr ? fio : "fio") + " --name=b --filename=" + file.path() +
        " --ioengine=io_uring --direct=1 --fixedbufs --registerfiles --iodepth=64 --rw=randread"
        " --norandommap --runtime=3 --time_based --output-format=terse --terse-version=3 --bs=" +
        std::to_string(bytes);
    return field_of(command, 6) * 1024 / 1e9;  // the seventh field: KiB/s
}

/// Pages from a file past the page cache.
void files() {
    const std::uint64_t bytes = 2048 * kMiB;
    File file(bytes);
    Memory sink(kDevice, 1);
    for (const std::uint64_t page_bytes : {4096, 65536}) {
        gpuio::Context context(config_of(page_bytes, 32 * kMiB, 64 * kMiB));
        gpuio::GPUIOArray<const Word> a(context, file.uri("direct=1"), bytes / sizeof(Word));
        const std::uint64_t wanted = page_bytes == 4096 ? 40'000 : 8'000;
        const double before = fio_rate(file, page_bytes);
        const double ours = gather_rate(context, a, page_bytes, wanted, 256, sink.data());
        const double after = fio_rate(file, page_bytes);
        figure("file, random pages of " + size_name(page_bytes), ours, "GB/s", "fio",
               (before + after) / 2);
        std::printf("        fio before and after: %.3f and %.3f; %s\n", before, after,
                    a.path().c_str());
    }
}

/// Managed memory, for comparison: pages that the host touched last.
void uvm() {
    const std::uint64_t bytes = 256 * kMiB;
    Memory managed(kManaged, bytes / sizeof(Word));
    Memory sink(kDevice, 1);
    const std::uint64_t wanted = 16'384;
    std::vector<double> times;
    for (std::uint64_t round = 0; round < 4; ++round) {
        std::memset(managed.data(), int(round) + 1, bytes);  // brings it all back to the host
        const auto start = std::chrono::steady_clock::now();
        gather<Plain><<<kBlocks, kThreads>>>(Plain{managed.data()}, bytes / 4096, 1024, wanted,
                                             round * wanted, sink.data());
        CHECK_CUDA(cudaDeviceSynchronize());
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
        if (round > 0) times.push_back(took.count());
    }
    File file(bytes);
    gpuio::Context context(config_of(4096, 32 * kMiB, bytes + 16 * kMiB));
    gpuio::GPUIOArray<const Word> a(context, file.uri("direct=0"), bytes / sizeof(Word));
    warm_l2(a);
    const double ours = gather_rate(context, a, 4096, wanted, 4096, sink.data());
    figure("4 KiB records from L2", ours, "GB/s", "managed memory",
           double(wanted * 4096) / median(times) / 1e9);
}

}  // namespace

int main(int argc, char** argv) {
    int devices = 0;
    if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
        std::printf("skipped: no GPU\n");
        return 77;
    }
    const std::pair<const char*, void (*)()> parts[] = {
        {"warm", warm}, {"pinned", pinned}, {"host", host}, {"faults", faults},
        {"memio", memio}, {"files", files}, {"uvm", uvm},
    };
    int failed = 0;
    for (const auto& [name, part] : parts) {
        const bool wanted =
            argc < 2 || std::any_of(argv + 1, argv + argc,
                                    [&](const char* it) { return std::strcmp(it, name) == 0; });
        if (!wanted) continue;
        try {
            part();
        } catch (const std::exception& error) {
            std::printf("FAILED  %s: %s\n", name, error.what());
            failed = 1;
        }
    }
    return failed;
}
