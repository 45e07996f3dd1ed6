// Contexts on two cards of one machine: at the same time, from one thread and from two, over the
// same files. Skipped where there is one card.
#include "support.cuh"

using namespace gpu_test;

namespace {

constexpr std::uint64_t kBits = 18;
constexpr std::uint64_t kWords = 1 << kBits;
constexpr std::uint64_t kBytes = kWords * 8;
constexpr std::uint64_t kPage = 4096;

int current_device() {
    int device = -1;
    CHECK_CUDA(cudaGetDevice(&device));
    return device;
}

/// A context on one card, an array of a file there, and what its kernels report.
struct Card {
    Card(int number, const TempFile& file, const std::string& query = "")
        : report(on(number)),
          context(config_for(number)),
          array(context, file.uri(query), kWords) {
        CHECK_CUDA(cudaSetDevice(0));
    }

    /// Memory of the program goes to the current device.
    static int on(int number) {
        CHECK_CUDA(cudaSetDevice(number));
        return number;
    }
    static gpuio::Config config_for(int number) {
        gpuio::Config config = config_of(kPage, 128, 256);
        config.device = "cuda:" + std::to_string(number);
        return config;
    }

    struct ReportThere : Report {
        explicit ReportThere(int) {}
    };

    ReportThere report;
    gpuio::Context context;
    gpuio::GPUIOArray<std::uint64_t> array;
};

template <int tag>  // each is a kernel of its own, that CUDA has to load
GPUIO_KERNEL void check_all(gpuio::ArrayRef<const std::uint64_t> a, std::uint64_t add,
                            std::uint64_t salt, Mismatches* wrong) {
    for (std::uint64_t i = gpuio::thread_index(); i < a.size(); i += gpuio::thread_count()) {
        const std::uint64_t k = permute(i, kBits);
        wrong->expect(k, a[k], mix(k ^ salt) + add);
    }
}

GPUIO_KERNEL void add_one(gpuio::ArrayRef<std::uint64_t> a) {
    for (std::uint64_t i = gpuio::thread_index(); i < a.size(); i += gpuio::thread_count()) {
        const std::uint64_t k = permute(i, kBits);
        a[k] += 1u;
    }
}

template <int tag>
void start_check(Card& card, std::uint64_t add, std::uint64_t salt) {
    gpuio::launch(card.context, 100, 128, check_all<tag>,
                  gpuio::ArrayRef<const std::uint64_t>(card.array.ref()), add, salt,
                  card.report.device());
}

void finish(Card& card) {
    card.context.synchronize();
    CHECK_NO_MISMATCH(card.report);
}

void from_one_thread() {
    const TempFile first(kBytes, 1), second(kBytes, 2);
    Card zero(0, first), one(1, second);
    for (int device = 0; device < 2; ++device) {
        CHECK_CUDA(cudaSetDevice(device));
        start_check<0>(zero, 0, 1);
        start_check<0>(one, 0, 2);
        CHECK_EQ(current_device(), device);
    }
    finish(zero);
    finish(one);
    CHECK_CUDA(cudaSetDevice(0));
    CHECK_EQ(zero.context.device().device_id, 0);
    CHECK_EQ(one.context.device().device_id, 1);
}

/// What one card has written and flushed, the other reads; back and forth.
void hand_over() {
    const TempFile file(kBytes, 3);
    for (std::uint64_t round = 0; round < 4; ++round) {
        Card card(int(round % 2), file);
        start_check<1>(card, round, 3);
        gpuio::launch(card.context, 100, 128, add_one, card.array.ref());
        finish(card);
        card.array.flush();
    }
    const auto words = file.read<std::uint64_t>(0, kWords);
    for (std::uint64_t i = 0; i < kWords; ++i) CHECK_EQ(words[i], mix(i ^ 3) + 4);
}

/// Kernels are loaded on one card while those of the other wait for pages.
void a_card_a_thread() {
    const TempFile first(kBytes, 4), second(kBytes, 5);
    std::string failures[2];
    std::vector<std::thread> threads;
    for (int number = 0; number < 2; ++number) {
        threads.emplace_back([&, number] {
            try {
                for (int round = 0; round < 3; ++round) {
                    Card card(number, number == 0 ? first : second);
                    const std::uint64_t salt = 4 + std::uint64_t(number);
                    start_check<2>(card, 0, salt);
                    start_check<3>(card, 0, salt);
                    gpuio::launch(card.context, 100, 128, add_one, card.array.ref());
                    start_check<4>(card, 1, salt);
                    finish(card);
                    std::vector<std::uint64_t> words(kWords);
                    card.array.read(0, words);
                    for (std::uint64_t i = 0; i < kWords; ++i) {
                        CHECK_EQ(words[i], mix(i ^ salt) + 1);
                        words[i] = mix(i ^ salt);
                    }
                    card.array.write(0, words);
                    card.array.flush();
                }
            } catch (const std::exception& error) {
                failures[number] = error.what();
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    for (const std::string& failure : failures) check(failure.empty(), failure, __FILE__, __LINE__);
}

void pinned_on_the_second() {
    const TempFile file(kBytes, 6);
    Card one(1, file, "policy=pinned");
    start_check<5>(one, 0, 6);
    gpuio::launch(one.context, 100, 128, add_one, one.array.ref());
    start_check<5>(one, 1, 6);
    finish(one);
    one.array.flush();
    const auto words = file.read<std::uint64_t>(0, kWords);
    for (std::uint64_t i = 0; i < kWords; ++i) CHECK_EQ(words[i], mix(i ^ 6) + 1);
}

/// A file's bytes into memory of the second card and from there to the host, by requests.
void requests_of_the_second() {
    const TempFile file(kBytes, 7);
    const gpuio::Context context(Card::config_for(1));
    CHECK_CUDA(cudaSetDevice(1));
    std::uint64_t* memory = nullptr;
    CHECK_CUDA(cudaMalloc(&memory, kBytes));
    CHECK_CUDA(cudaSetDevice(0));
    std::vector<std::uint64_t> here(kWords);
    {
        const auto from = gpuio::MemoryRegion::open(context, file.uri());
        const auto gpu = gpuio::MemoryRegion::device(context, memory, kBytes);
        const auto host = gpuio::MemoryRegion::host(context, std::span(here));
        const gpuio::Stream stream(context);
        stream.copy(from, gpu, kBytes);
        stream.copy(gpu, host, kBytes).wait();
    }
    CHECK_CUDA(cudaFree(memory));
    for (std::uint64_t i = 0; i < kWords; ++i) CHECK_EQ(here[i], mix(i ^ 7));
}

void no_such_card() {
    int devices = 0;
    CHECK_CUDA(cudaGetDeviceCount(&devices));
    const gpuio::Config config = Card::config_for(devices);
    CHECK(code_of([&] { const gpuio::Context context(config); }) != gpuio::ErrorCode::kSuccess);
    const gpuio::Context first(Card::config_for(0));
    CHECK_EQ(first.devices().size(), std::size_t(devices) + 1);  // and the host
}

}  // namespace

int main(int argc, char** argv) {
    int devices = 0;
    if (cudaGetDeviceCount(&devices) == cudaSuccess && devices == 1) {
        std::printf("skipped: one GPU, and this wants two\n");
        return 77;
    }
    return run(argc, argv,
               {
                   {"both at once, from one thread", from_one_thread},
                   {"one writes, the other reads", hand_over},
                   {"a card a thread", a_card_a_thread},
                   {"a pinned array on the second", pinned_on_the_second},
                   {"requests of the second", requests_of_the_second},
                   {"a card that is not there", no_such_card},
               });
}
