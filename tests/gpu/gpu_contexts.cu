// Two contexts at work at the same time, several arrays in one kernel, arrays that come and go.
#include "support.cuh"

using namespace gpu_test;

namespace {

using Reader = gpuio::ArrayRef<const std::uint64_t>;

GPUIO_KERNEL void combine(gpuio::ArrayRef<std::uint64_t> to, Reader a, Reader b, Reader c,
                          std::uint64_t salt, Mismatches* wrong) {
    for (std::uint64_t k = gpuio::thread_index(); k < to.size(); k += gpuio::thread_count()) {
        const std::uint64_t i = (k * 513 + salt) & (to.size() - 1);
        const std::uint64_t j = to.size() - 1 - i;
        const std::uint64_t x = a[i], y = b[j], z = c[i];
        wrong->expect(i, x, mix(i ^ salt));
        wrong->expect(j, y, mix(j ^ (salt + 1)));
        wrong->expect(i, z, mix(i ^ (salt + 2)));
        to[i] = x ^ y ^ z;
    }
}

GPUIO_KERNEL void prefetch_all(Reader a) {
    for (std::uint64_t i = gpuio::thread_index(); i < a.size(); i += gpuio::thread_count()) {
        a.prefetch(permute(i, 16) * 16 % a.size());
    }
}

/// Three inputs, one output, and the context they are in.
struct World {
    World(std::uint64_t page_bytes, std::uint64_t words, std::uint64_t a_salt, Report& report)
        : wrong(report),
          salt(a_salt),
          n(words),
          files{{n * 8, salt}, {n * 8, salt + 1}, {n * 8, salt + 2}},
          output(n * 8),
          context(config_of(page_bytes, 128, 64)) {}

    void open() {
        inputs.clear();
        for (const TempFile& file : files) inputs.emplace_back(context, file.uri(), n);
        to = std::make_unique<gpuio::GPUIOArray<std::uint64_t>>(context, output.uri(), n);
    }
    void start() {
        gpuio::launch(context, 200, 128, combine, to->ref(), inputs[0].ref(), inputs[1].ref(),
                      inputs[2].ref(), salt, wrong.device());
    }
    void finish() {
        context.synchronize();
        to->flush();
        CHECK_NO_MISMATCH(wrong);
        const auto words = output.read<std::uint64_t>(0, n);
        for (std::uint64_t i = 0; i < n; ++i) {
            CHECK_EQ(words[i],
                     mix(i ^ salt) ^ mix((n - 1 - i) ^ (salt + 1)) ^ mix(i ^ (salt + 2)));
        }
    }

    Report& wrong;
    std::uint64_t salt;
    std::uint64_t n;
    TempFile files[3];
    TempFile output;
    gpuio::Context context;
    std::vector<gpuio::GPUIOArray<const std::uint64_t>> inputs;
    std::unique_ptr<gpuio::GPUIOArray<std::uint64_t>> to;
};

std::uint64_t words() {
    std::uint64_t n = 1 << 13;
    while (2 * n <= scaled(1 << 18)) n *= 2;
    return n;
}

void one_context() {
    Report wrong;
    World world(4096, words(), 10, wrong);
    for (int round = 0; round < 3; ++round) {
        world.open();  // closes the arrays of the round before; their ids are used again
        world.start();
        world.finish();
    }
}

void two_contexts() {
    Report wrong;
    World small_pages(4096, words(), 10, wrong);
    World large_pages(256 << 10, words() * 8, 20, wrong);
    small_pages.open();
    large_pages.open();
    small_pages.start();
    large_pages.start();
    small_pages.start();
    large_pages.finish();
    small_pages.finish();
}

/// Threads of the host use one context each, all on the same GPU. What the program itself has on
/// the GPU it allocates before and frees after: such calls wait for kernels (see launch()).
void a_context_a_thread() {
    std::vector<std::string> failures(4);
    std::vector<Report> reports(failures.size());
    std::vector<std::thread> threads;
    for (std::size_t k = 0; k < failures.size(); ++k) {
        threads.emplace_back([&, k] {
            try {
                World world(k % 2 == 0 ? 4096 : 64 << 10, words(), 100 * k, reports[k]);
                world.open();
                world.start();
                world.finish();
            } catch (const std::exception& error) {
                failures[k] = error.what();
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    for (const std::string& failure : failures) check(failure.empty(), failure, __FILE__, __LINE__);
}

/// The program frees memory while kernels run: CUDA waits for them, and lets no other thread in.
/// The service must not need it: pages come, go and are brought ahead all the same.
void frees_beside_kernels() {
    Report wrong;
    World world(4096, words(), 30, wrong);
    world.open();
    world.start();
    world.finish();  // the kernels are loaded
    for (int round = 0; round < 10; ++round) {
        void* memory = nullptr;
        CHECK_CUDA(cudaMalloc(&memory, 1 << 20));
        gpuio::launch(world.context, 8, 128, prefetch_all, world.inputs[0].ref());
        world.start();
        CHECK_CUDA(cudaFree(memory));
    }
    world.finish();
}

void many_arrays() {
    const std::uint64_t n = 1 << 12;
    TempFile a(n * 8, 1), b(n * 8, 2), c(n * 8, 3), output(n * 8);
    gpuio::Context context(config_of(4096, 64, 64));
    std::vector<gpuio::GPUIOArray<const std::uint64_t>> crowd;
    for (int k = 0; k < 100; ++k) crowd.emplace_back(context, a.uri(), n);
    gpuio::GPUIOArray<const std::uint64_t> second(context, b.uri(), n);
    gpuio::GPUIOArray<const std::uint64_t> third(context, c.uri(), n);
    gpuio::GPUIOArray<std::uint64_t> to(context, output.uri(), n);
    Report wrong;
    for (const auto& first : crowd) {
        gpuio::launch(context, 8, 128, combine, to.ref(), first.ref(), second.ref(), third.ref(),
                      std::uint64_t{1}, wrong.device());
    }
    context.synchronize();
    CHECK_NO_MISMATCH(wrong);
}

}  // namespace

int main(int argc, char** argv) {
    return run(argc, argv,
               {
                   {"several arrays, opened and closed", one_context},
                   {"two contexts at once", two_contexts},
                   {"a context a thread", a_context_a_thread},
                   {"memory freed beside kernels", frees_beside_kernels},
                   {"a hundred arrays", many_arrays},
               });
}
