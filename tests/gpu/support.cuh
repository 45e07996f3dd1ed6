/// \file
/// What the programs of this folder share: cases with a watchdog, checks, files of known contents.
///
/// A program's exit code is 0 (all cases passed), 1 (one failed, or hung), or 77 with a reason:
/// there is no GPU. Environment:
/// - GPUIO_TEST_GPU_DIVISOR=n: n times less work, for slow tools such as compute-sanitizer;
/// - TMPDIR: where the files go. Best on a disk, since O_DIRECT is not for every tmpfs.
#pragma once

#include <cuda_runtime.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gpuio/gpuio.hpp>

namespace gpu_test {

/// A failed check. `run` reports it and goes on with the next case.
struct Failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

inline void check(bool holds, const std::string& what, const char* file, int line) {
    if (!holds) throw Failure(std::string(file) + ":" + std::to_string(line) + ": " + what);
}
#define CHECK(condition) ::gpu_test::check((condition), #condition, __FILE__, __LINE__)
#define CHECK_EQ(left, right)                                                                   \
    do {                                                                                        \
        const auto left_value = (left);                                                         \
        const auto right_value = (right);                                                       \
        if (left_value != right_value) { /* millions of these: no text unless it is needed */   \
            ::gpu_test::check(false,                                                            \
                              std::string(#left " == " #right ", but ") +                       \
                                  std::to_string(left_value) +                                  \
                                  " != " + std::to_string(right_value),                         \
                              __FILE__, __LINE__);                                              \
        }                                                                                       \
    } while (false)
#define CHECK_CUDA(call)                                                                    \
    do {                                                                                    \
        const cudaError_t cuda_status = (call);                                             \
        ::gpu_test::check(cuda_status == cudaSuccess,                                       \
                          std::string(#call ": ") + cudaGetErrorString(cuda_status), __FILE__, \
                          __LINE__);                                                        \
    } while (false)

/// The contents of every test file: word i is mix(i ^ salt). (The finalizer of splitmix64.)
__host__ __device__ inline std::uint64_t mix(std::uint64_t value) {
    value += 0x9e3779b97f4a7c15u;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
}

/// Visits 0 .. 2^bits - 1, each once, in an order that looks random.
__host__ __device__ inline std::uint64_t permute(std::uint64_t value, unsigned bits) {
    const std::uint64_t mask = (std::uint64_t{1} << bits) - 1;
    value = (value * 0x9e3779b97f4a7c15u + 0x7f4a7c15u) & mask;
    value ^= value >> (bits / 2 + 1);
    value = (value * 0xd1342543de82ef95u) & mask;
    value ^= value >> (bits / 2 + 1);
    return value;
}

/// How many times less work is asked for.
inline std::uint64_t divisor() {
    const char* text = std::getenv("GPUIO_TEST_GPU_DIVISOR");
    const long value = text == nullptr ? 1 : std::atol(text);
    return value < 1 ? 1 : static_cast<std::uint64_t>(value);
}

/// `amount`, or less of it where less work is asked for; at least `least`.
inline std::uint64_t scaled(std::uint64_t amount, std::uint64_t least = 1) {
    const std::uint64_t less = amount / divisor();
    return less < least ? least : less;
}

/// A file of its own in TMPDIR, removed at the end.
class TempFile {
public:
    /// `bytes` of it are mix(i ^ salt) in words of eight; without `salt` it is zeros.
    explicit TempFile(std::uint64_t bytes) : TempFile(bytes, nullptr) {}
    TempFile(std::uint64_t bytes, std::uint64_t salt) : TempFile(bytes, &salt) {}
    ~TempFile() {
        ::close(descriptor_);
        ::unlink(path_.c_str());
    }
    TempFile(const TempFile&) = delete;
    TempFile& operator=(const TempFile&) = delete;

    const std::string& path() const { return path_; }
    std::string uri(const std::string& query = "") const {
        return "localio://" + path_ + (query.empty() ? "" : "?" + query);
    }
    void truncate(std::uint64_t bytes) { CHECK(::ftruncate(descriptor_, off_t(bytes)) == 0); }

    /// Reads through the page cache, as any other program would.
    template <class T>
    std::vector<T> read(std::uint64_t offset, std::size_t count) const {
        std::vector<T> values(count);
        auto* to = reinterpret_cast<char*>(values.data());
        for (std::size_t done = 0; done < count * sizeof(T);) {
            const ssize_t got = ::pread(descriptor_, to + done, count * sizeof(T) - done,
                                        off_t(offset + done));
            CHECK(got > 0);
            done += std::size_t(got);
        }
        return values;
    }

private:
    TempFile(std::uint64_t bytes, const std::uint64_t* salt) {
        path_ = (std::filesystem::temp_directory_path() / "gpuio-gpu-XXXXXX").string();
        descriptor_ = ::mkstemp(path_.data());
        CHECK(descriptor_ >= 0);
        truncate(bytes);
        if (salt != nullptr) fill(bytes, *salt);
    }

    void fill(std::uint64_t bytes, std::uint64_t salt) {
        constexpr std::uint64_t words = 1 << 17;
        std::vector<std::uint64_t> block(words);
        for (std::uint64_t at = 0; at < bytes; at += words * 8) {
            for (std::uint64_t k = 0; k < words; ++k) block[k] = mix((at / 8 + k) ^ salt);
            const std::uint64_t count = bytes - at < words * 8 ? bytes - at : words * 8;
            CHECK(::pwrite(descriptor_, block.data(), count, off_t(at)) == ssize_t(count));
        }
        CHECK(::fsync(descriptor_) == 0);
    }

    std::string path_;
    int descriptor_ = -1;
};

/// What kernels report: how many values were wrong, and the first of them.
struct Mismatches {
    unsigned long long count;
    unsigned long long index;
    unsigned long long got;
    unsigned long long expected;

    __device__ void expect(std::uint64_t at, std::uint64_t value, std::uint64_t wanted) {
        if (value == wanted) return;
        if (atomicAdd(&count, 1ull) != 0) return;
        index = at;
        got = value;
        expected = wanted;
    }
};

/// `Mismatches` in GPU memory.
class Report {
public:
    Report() {
        CHECK_CUDA(cudaMalloc(&device_, sizeof(Mismatches)));
        CHECK_CUDA(cudaMemset(device_, 0, sizeof(Mismatches)));
    }
    ~Report() { cudaFree(device_); }
    Report(const Report&) = delete;
    Report& operator=(const Report&) = delete;

    Mismatches* device() const { return device_; }
    Mismatches read() const {
        Mismatches host{};
        CHECK_CUDA(cudaMemcpy(&host, device_, sizeof host, cudaMemcpyDeviceToHost));
        return host;
    }
    /// Fails, with the first wrong value, if there was one. No kernel runs.
    void expect_none(const char* file, int line) const {
        const Mismatches seen = read();
        check(seen.count == 0,
              std::to_string(seen.count) + " wrong values; first at index " +
                  std::to_string(seen.index) + ": " + std::to_string(seen.got) + ", expected " +
                  std::to_string(seen.expected),
              file, line);
    }

private:
    Mismatches* device_ = nullptr;
};
#define CHECK_NO_MISMATCH(report) (report).expect_none(__FILE__, __LINE__)

/// A configuration for the first GPU. Read-ahead is off, so that pages come only when asked for.
inline gpuio::Config config_of(std::uint64_t page_bytes, std::uint64_t l1_pages,
                               std::uint64_t l2_pages) {
    gpuio::Config config;
    config.device = "cuda:0";
    config.page_bytes = page_bytes;
    config.l1_capacity_bytes = page_bytes * l1_pages;
    config.l2_capacity_bytes = page_bytes * l2_pages;
    config.prefetch = false;
    return config;
}

/// The code that `call` throws, or kSuccess. Says on stdout what was thrown.
template <class Call>
gpuio::ErrorCode code_of(Call&& call) {
    const auto done = gpuio::attempt([&] { call(); });
    if (done) return gpuio::ErrorCode::kSuccess;
    std::printf("    %s\n", done.error().what());
    return done.error().code();
}

inline double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

struct Case {
    const char* name;
    std::function<void()> body;
};

namespace detail {
inline const char* running = "start-up";

/// Only what a signal handler may call: writes and leaves, which ends a kernel that hangs, too.
inline void on_alarm(int) {
    const char text[] = "\nFAILED: hung, past the watchdog's limit, in: ";
    ssize_t ignored = ::write(STDOUT_FILENO, text, sizeof text - 1);
    ignored = ::write(STDOUT_FILENO, running, std::strlen(running));
    ignored = ::write(STDOUT_FILENO, "\n", 1);
    (void)ignored;
    ::_exit(1);
}
}  // namespace detail

/// Runs the cases whose names contain the program's argument (all, without one), each under a
/// watchdog of `limit_s` seconds. Returns the program's exit code.
inline int run(int argc, char** argv, const std::vector<Case>& cases, unsigned limit_s = 120) {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    int devices = 0;
    const cudaError_t status = cudaGetDeviceCount(&devices);
    if (status != cudaSuccess || devices == 0) {
        std::printf("skipped: no GPU: %s\n",
                    status == cudaSuccess ? "none found" : cudaGetErrorString(status));
        return 77;
    }
    std::signal(SIGALRM, detail::on_alarm);
    int failed = 0;
    for (const Case& it : cases) {
        if (argc > 1 && std::string(it.name).find(argv[1]) == std::string::npos) continue;
        detail::running = it.name;
        ::alarm(divisor() == 1 ? limit_s : 10 * limit_s);  // tools that divide the work are slow
        const auto start = std::chrono::steady_clock::now();
        std::string why;
        try {
            it.body();
            if (cudaGetLastError() != cudaSuccess) why = "a CUDA error was left behind";
        } catch (const std::exception& error) {
            why = error.what();
        }
        ::alarm(0);
        std::printf("%s %-44s %7.2f s\n", why.empty() ? "passed" : "FAILED", it.name,
                    seconds_since(start));
        if (!why.empty()) std::printf("    %s\n", why.c_str());
        failed += !why.empty();
    }
    return failed == 0 ? 0 : 1;
}

}  // namespace gpu_test
