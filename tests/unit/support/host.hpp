/// \file
/// Contexts on the host device, kernels that most tests need, and errors as values.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <gpuio/gpuio.hpp>
#include <optional>
#include <string>
#include <utility>

namespace test {

/// The smallest tiers there are: 32 pages of L1 and 8 of L2.
inline constexpr std::uint64_t kFewestL1Pages = 32;
inline constexpr std::uint64_t kFewestL2Pages = 8;

/// A configuration for the host device with tiers of so many pages. More threads than a small
/// machine has cores: they get in each other's way at other places.
inline gpuio::Config host_config(std::uint64_t page_bytes,
                                 std::uint64_t l1_pages = kFewestL1Pages,
                                 std::uint64_t l2_pages = kFewestL2Pages) {
    gpuio::Config config;
    config.device = "host";
    config.host_threads = 4;
    config.page_bytes = page_bytes;
    config.l1_capacity_bytes = l1_pages * page_bytes;
    config.l2_capacity_bytes = l2_pages * page_bytes;
    return config;
}

/// Launches a kernel on a few blocks, waits for it, and throws what failed in it.
template <class... Params, class... Args>
void run(gpuio::Context context, void (*kernel)(Params...), Args&&... args) {
    gpuio::launch(context, 8, 16, kernel, std::forward<Args>(args)...);
    context.synchronize();
}

/// As `run`, on one thread.
template <class... Params, class... Args>
void run_single(gpuio::Context context, void (*kernel)(Params...), Args&&... args) {
    gpuio::launch(context, 1, 1, kernel, std::forward<Args>(args)...);
    context.synchronize();
}

/// out[i] = a[first + i], the kernel's threads taking turns.
template <class T>
GPUIO_KERNEL void copy_out(gpuio::ArrayRef<const T> a, std::size_t first, std::size_t count,
                           T* out) {
    for (std::size_t i = gpuio::thread_index(); i < count; i += gpuio::thread_count()) {
        out[i] = a[first + i];
    }
}

/// a[first + i] = in[i].
template <class T>
GPUIO_KERNEL void copy_in(gpuio::ArrayRef<T> a, std::size_t first, std::size_t count, const T* in) {
    for (std::size_t i = gpuio::thread_index(); i < count; i += gpuio::thread_count()) {
        a[first + i] = in[i];
    }
}

/// The error that a call of gpuio throws; a failure of the test if it throws none.
template <class Call>
std::optional<gpuio::Error> error_of(Call&& call) {
    try {
        std::forward<Call>(call)();
    } catch (const gpuio::Error& error) {
        return error;
    }
    ADD_FAILURE() << "no error was thrown";
    return {};
}

inline bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace test

/// Calls something that must throw a gpuio::Error with this code and these words in its text.
#define EXPECT_GPUIO_ERROR(call, expected_code, ...)                                       \
    do {                                                                                   \
        const std::optional<gpuio::Error> gpuio_error = ::test::error_of([&] { call; });   \
        if (!gpuio_error) break;                                                           \
        EXPECT_EQ(gpuio_error->code(), expected_code) << gpuio_error->what();              \
        for (const std::string& word : std::initializer_list<std::string>{__VA_ARGS__}) {  \
            EXPECT_TRUE(::test::contains(gpuio_error->what(), word))                       \
                << "expected \"" << word << "\" in: " << gpuio_error->what();              \
        }                                                                                  \
    } while (false)
