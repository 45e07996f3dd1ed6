// Everything that can go wrong while kernels run: each case ends with the right code, within its
// deadline, and leaves the context usable. The watchdog stands for "the GPU never hangs".
#include <sys/resource.h>

#include "support.cuh"

using namespace gpu_test;
using gpuio::ErrorCode;

namespace {

constexpr std::uint64_t kSalt = 5;

GPUIO_KERNEL void check_range(gpuio::ArrayRef<const std::uint64_t> a, std::uint64_t count,
                              Mismatches* wrong) {
    for (std::uint64_t i = gpuio::thread_index(); i < count; i += gpuio::thread_count()) {
        wrong->expect(i, a[i], mix(i ^ kSalt));
    }
}

/// Reads that are expected to fail: each must yield zero, and come back.
GPUIO_KERNEL void expect_zeros(gpuio::ArrayRef<const std::uint64_t> a, std::uint64_t first,
                               unsigned reads, Mismatches* wrong) {
    for (unsigned k = 0; k < reads; ++k) {
        const std::uint64_t i =
            first + mix(gpuio::thread_index() * reads + k) % (a.size() - first);
        wrong->expect(i, a[i], 0);
    }
}

GPUIO_KERNEL void leave_range(gpuio::ArrayRef<std::uint64_t> a, Mismatches* wrong) {
    const std::uint64_t beyond = a.size() + gpuio::thread_index();
    wrong->expect(beyond, a[beyond], 0);
    wrong->expect(~std::uint64_t{0}, a[~std::uint64_t{0}], 0);
    a[beyond] = 1;
    auto p = a.pin(beyond);
    wrong->expect(beyond, p[beyond], 0);
    if (p.run(beyond).count != 0) wrong->expect(beyond, 1, 0);
    a.prefetch(beyond);
}

/// Every thread holds a page of its own while all others want one, too.
GPUIO_KERNEL void pin_and_hold(gpuio::ArrayRef<const std::uint64_t> a, std::uint64_t stride,
                               unsigned long long* held) {
    auto p = a.pin(gpuio::thread_index() * stride);
    if (p.holds(gpuio::thread_index() * stride)) {
        atomicAdd(held, 1ull);
        const std::uint64_t begin = gpuio::platform::now_us();
        while (gpuio::platform::now_us() - begin < 1'500'000) __nanosleep(1000);
    }
}

GPUIO_KERNEL void write_all(gpuio::ArrayRef<std::uint64_t> a) {
    for (std::uint64_t i = gpuio::thread_index(); i < a.size(); i += gpuio::thread_count()) {
        a[i] = mix(i);
    }
}

gpuio::Config impatient(std::uint64_t l1_pages, std::uint64_t l2_pages) {
    gpuio::Config config = config_of(4096, l1_pages, l2_pages);
    config.io_timeout_us = 300'000;
    return config;
}

void expect_usable(gpuio::Context& context, const gpuio::GPUIOArray<const std::uint64_t>& a,
                   std::uint64_t count) {
    Report wrong;
    gpuio::launch(context, 64, 256, check_range, a.ref(), count, wrong.device());
    context.synchronize();
    CHECK_NO_MISMATCH(wrong);
}

void out_of_range() {
    const std::uint64_t n = 10'000;
    TempFile file(n * 8 + 4096, kSalt);
    gpuio::Context context(config_of(4096, 64, 64));
    {
        gpuio::GPUIOArray<std::uint64_t> a(context, file.uri(), n);
        Report wrong;
        gpuio::launch(context, 8, 256, leave_range, a.ref(), wrong.device());
        CHECK(code_of([&] { context.synchronize(); }) == ErrorCode::kInvalidArgument);
        CHECK_NO_MISMATCH(wrong);
        context.synchronize();  // reported once
        a.flush();
    }
    gpuio::GPUIOArray<const std::uint64_t> a(context, file.uri(), n + 512);
    expect_usable(context, a, a.size());
}

void truncated_file(const char* query) {
    const std::uint64_t n = 1 << 16;
    TempFile file(n * 8, kSalt);
    gpuio::Context context(config_of(4096, 64, 64));
    gpuio::GPUIOArray<const std::uint64_t> a(context, file.uri(query), n);
    file.truncate(n * 4);
    Report wrong;
    gpuio::launch(context, 256, 256, expect_zeros, a.ref(), n / 2, 4u, wrong.device());
    CHECK(code_of([&] { context.synchronize(); }) == ErrorCode::kIo);
    CHECK_NO_MISMATCH(wrong);
    expect_usable(context, a, n / 2);
}

void paused_service() {
    const std::uint64_t n = 1 << 18;
    TempFile file(n * 8, kSalt);
    gpuio::Context context(impatient(256, 256));
    gpuio::GPUIOArray<const std::uint64_t> a(context, file.uri(), n);
    for (int round = 0; round < 2; ++round) {
        Report wrong;
        context.state()->pause_service(true);
        gpuio::launch(context, 1056, 256, expect_zeros, a.ref(), std::uint64_t{0}, 2u,
                      wrong.device());
        context.state()->wait_for_kernels();
        context.state()->pause_service(false);
        CHECK(code_of([&] { context.synchronize(); }) == ErrorCode::kTimeout);
        if (round == 0) CHECK_NO_MISMATCH(wrong);  // later, pages of the first round are there
        expect_usable(context, a, n);
    }
}

void paused_while_writing() {
    const std::uint64_t n = 1 << 16;
    TempFile file(n * 8);
    gpuio::Context context(impatient(64, 64));
    gpuio::GPUIOArray<std::uint64_t> a(context, file.uri(), n);
    gpuio::launch(context, 64, 256, write_all, a.ref());
    context.synchronize();
    context.state()->pause_service(true);
    gpuio::launch(context, 264, 256, write_all, a.ref());
    context.state()->wait_for_kernels();
    context.state()->pause_service(false);
    CHECK(code_of([&] { context.synchronize(); }) == ErrorCode::kTimeout);
    gpuio::launch(context, 264, 256, write_all, a.ref());
    context.synchronize();
    a.flush();
    const auto words = file.read<std::uint64_t>(0, n);
    for (std::uint64_t i = 0; i < n; ++i) CHECK_EQ(words[i], mix(i));
}

void stopped_service() {
    const std::uint64_t n = 1 << 18;
    TempFile file(n * 8, kSalt);
    {
        gpuio::Context context(config_of(4096, 256, 256));  // waits would last 30 s each
        gpuio::GPUIOArray<const std::uint64_t> a(context, file.uri(), n);
        Report wrong;
        context.state()->pause_service(true);
        gpuio::launch(context, 1056, 256, expect_zeros, a.ref(), std::uint64_t{0}, 2u,
                      wrong.device());
        context.state()->stop_service();
        CHECK(code_of([&] { context.synchronize(); }) == ErrorCode::kGeneral);
        CHECK(code_of([&] { (void)a.stats(); }) == ErrorCode::kGeneral);
    }
    gpuio::Context fresh(config_of(4096, 256, 256));
    gpuio::GPUIOArray<const std::uint64_t> a(fresh, file.uri(), n);
    expect_usable(fresh, a, n);
}

void too_many_pins() {
    const std::uint64_t n = 1 << 18;
    TempFile file(n * 8, kSalt);
    gpuio::Context context(impatient(32, 256));
    gpuio::GPUIOArray<const std::uint64_t> a(context, file.uri(), n);
    unsigned long long* held = nullptr;
    CHECK_CUDA(cudaMalloc(&held, sizeof *held));
    CHECK_CUDA(cudaMemset(held, 0, sizeof *held));
    gpuio::launch(context, 64, 1, pin_and_hold, a.ref(), std::uint64_t{512}, held);
    CHECK(code_of([&] { context.synchronize(); }) == ErrorCode::kTimeout);
    unsigned long long count = 0;
    CHECK_CUDA(cudaMemcpy(&count, held, sizeof count, cudaMemcpyDeviceToHost));
    CHECK_CUDA(cudaFree(held));
    CHECK_EQ(count, 32ull);
    expect_usable(context, a, n);
}

/// A full disk, by the limit on file sizes: nothing is lost, and the next flush makes up for it.
void full_disk() {
    const std::uint64_t n = 1 << 15;
    TempFile file(n * 8);
    gpuio::Context context(config_of(4096, 64, 128));
    gpuio::GPUIOArray<std::uint64_t> a(context, file.uri(), n);
    rlimit limit{};
    CHECK(::getrlimit(RLIMIT_FSIZE, &limit) == 0);
    const rlimit half{n * 4, limit.rlim_max};
    std::signal(SIGXFSZ, SIG_IGN);
    CHECK(::setrlimit(RLIMIT_FSIZE, &half) == 0);
    gpuio::launch(context, 33, 128, write_all, a.ref());
    context.synchronize();
    const ErrorCode code = code_of([&] { a.flush(); });
    CHECK(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
    CHECK(code == ErrorCode::kIo);
    a.flush();
    const auto words = file.read<std::uint64_t>(0, n);
    for (std::uint64_t i = 0; i < n; ++i) CHECK_EQ(words[i], mix(i));
}

/// What launch refuses, and that it still launches afterwards.
void bad_grids() {
    TempFile file(1 << 16, kSalt);
    gpuio::Context context(config_of(4096, 64, 64));
    gpuio::GPUIOArray<const std::uint64_t> a(context, file.uri(), 1 << 13);
    Report wrong;
    const auto launch = [&](std::uint64_t blocks, std::uint64_t threads) {
        return code_of([&] {
            gpuio::launch(context, blocks, threads, check_range, a.ref(), a.size(),
                          wrong.device());
        });
    };
    CHECK(launch(0, 1) == ErrorCode::kInvalidArgument);
    CHECK(launch(1, 0) == ErrorCode::kInvalidArgument);
    CHECK(launch(1, 1025) == ErrorCode::kInvalidArgument);
    CHECK(launch(std::uint64_t{1} << 40, 1) == ErrorCode::kInvalidArgument);
    CHECK(launch(2, 256) == ErrorCode::kSuccess);
    context.synchronize();
    CHECK_NO_MISMATCH(wrong);
}

}  // namespace

int main(int argc, char** argv) {
    return run(argc, argv,
               {
                   {"index out of range", out_of_range},
                   {"file truncated, direct", [] { truncated_file(""); }},
                   {"file truncated, buffered", [] { truncated_file("direct=0"); }},
                   {"service paused: reads time out", paused_service},
                   {"service paused: writes time out", paused_while_writing},
                   {"service stopped", stopped_service},
                   {"more pins than frames", too_many_pins},
                   {"disk full at flush", full_disk},
                   {"bad grids", bad_grids},
               });
}
