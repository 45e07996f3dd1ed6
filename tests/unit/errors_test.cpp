// Errors: their fields, names and text, and results for those who do not throw.

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdint>
#include <string>

#include "support/host.hpp"
#include "support/scratch.hpp"

namespace {

using gpuio::Context;
using gpuio::Error;
using gpuio::ErrorCode;
using gpuio::GPUIOArray;

TEST(Errors, CodesHaveTheSpecificationsNumbersAndNames) {
    const char* names[] = {"GPUIO_SUCCESS",           "GPUIO_ERROR_GENERAL",
                           "GPUIO_ERROR_NOMEM",       "GPUIO_ERROR_INVALID_ARG",
                           "GPUIO_ERROR_NOT_FOUND",   "GPUIO_ERROR_TIMEOUT",
                           "GPUIO_ERROR_IO",          "GPUIO_ERROR_NETWORK",
                           "GPUIO_ERROR_UNSUPPORTED", "GPUIO_ERROR_PERMISSION",
                           "GPUIO_ERROR_BUSY",        "GPUIO_ERROR_CANCELED"};
    for (int number = 0; number < static_cast<int>(std::size(names)); ++number) {
        EXPECT_STREQ(gpuio::error_name(static_cast<ErrorCode>(-number)), names[number]);
    }
    EXPECT_STREQ(gpuio::error_name(static_cast<ErrorCode>(-99)), "GPUIO_ERROR_GENERAL");
}

TEST(Errors, TheTextHasEveryPart) {
    const Error error({.code = ErrorCode::kIo,
                       .os_error = 28,
                       .operation = "write",
                       .resource = "localio:///data",
                       .offset = 4096,
                       .bytes_done = 512,
                       .retryable = true,
                       .message = "it is full"});
    EXPECT_STREQ(error.what(),
                 "GPUIO_ERROR_IO: cannot write localio:///data at offset 4096: it is full "
                 "(errno 28)");
    const Error copy = error;
    EXPECT_STREQ(copy.what(), error.what());
    EXPECT_EQ(copy.bytes_done(), 512u);
    EXPECT_TRUE(copy.retryable());
}

TEST(Errors, AMissingFileFillsTheFields) {
    test::Scratch scratch;
    Context context(test::host_config(4096));
    const std::string uri = scratch.uri("absent");
    const auto error = test::error_of([&] { GPUIOArray<int>(context, uri, 1); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code(), ErrorCode::kNotFound);
    EXPECT_EQ(error->os_error(), ENOENT);
    EXPECT_EQ(error->operation(), "open");
    EXPECT_EQ(error->resource(), uri);
    EXPECT_FALSE(error->offset().has_value());
    EXPECT_EQ(error->bytes_done(), 0u);
    EXPECT_FALSE(error->retryable());
    EXPECT_FALSE(error->message().empty());
}

TEST(Errors, ABadUriTellsThePosition) {
    Context context(test::host_config(4096));
    const std::string uri = "localio:///data?offset=8&direct=maybe";
    const auto error = test::error_of([&] { GPUIOArray<int>(context, uri, 1); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code(), ErrorCode::kInvalidArgument);
    EXPECT_EQ(error->operation(), "parse uri");
    EXPECT_EQ(error->resource(), uri);
    EXPECT_EQ(error->offset(), uri.find("maybe"));
}

TEST(Errors, ResultsHoldAValueOrAnError) {
    test::Scratch scratch;
    scratch.write("data", test::random_bytes(100));
    Context context(test::host_config(4096));
    auto open = [&](const char* name) {
        return gpuio::attempt(
            [&] { return GPUIOArray<std::uint8_t>(context, scratch.uri(name), 100); });
    };
    auto good = open("data");
    ASSERT_TRUE(good.has_value());
    EXPECT_EQ(good->size(), 100u);
    EXPECT_TRUE(gpuio::attempt([&] { good->flush(); }));
    auto bad = open("absent");
    ASSERT_FALSE(bad);
    EXPECT_EQ(bad.error().code(), ErrorCode::kNotFound);
    EXPECT_THROW((void)bad.value(), Error);
    const auto failed = gpuio::attempt([&] { good->prefetch(0, 101); });
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().operation(), "prefetch");
    EXPECT_THROW(failed.value(), Error);
    EXPECT_THROW((void)gpuio::attempt([] { throw 42; }), int) << "others' exceptions pass";
}

void do_nothing() {}

TEST(Errors, GridsThatCannotBeLaunched) {
    Context context(test::host_config(4096));
    EXPECT_GPUIO_ERROR(gpuio::launch(context, 0, 1, do_nothing), ErrorCode::kInvalidArgument,
                       "launch", "0 of 1");
    EXPECT_GPUIO_ERROR(gpuio::launch(context, 1, 1025, do_nothing), ErrorCode::kInvalidArgument,
                       "1024 threads");
    gpuio::launch(context, 1, 1024, do_nothing);
    context.synchronize();
}

}  // namespace
