// Live figures: in the program and over HTTP.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <vector>

#include "support/host.hpp"
#include "support/scratch.hpp"

namespace {

using gpuio::Config;
using gpuio::Context;
using gpuio::ErrorCode;
using test::contains;

/// The value in the line that begins with `name` and a blank; -1 if there is none.
long long value(const std::string& text, const std::string& name) {
    const auto at = text.find("\n" + name + " ");
    return at == std::string::npos ? -1 : std::stoll(text.substr(at + name.size() + 2));
}

Config config(const std::string& stats_endpoint) {
    Config config = test::host_config(4096);
    config.stats_endpoint = stats_endpoint;
    return config;
}

/// A connection to "127.0.0.1:PORT" or "unix:PATH".
int connect_to(const std::string& endpoint) {
    sockaddr_storage storage{};
    socklen_t length = 0;
    if (endpoint.starts_with("unix:")) {
        auto& address = reinterpret_cast<sockaddr_un&>(storage);
        address.sun_family = AF_UNIX;
        endpoint.copy(address.sun_path, sizeof address.sun_path - 1, 5);
        length = sizeof address;
    } else {
        auto& address = reinterpret_cast<sockaddr_in&>(storage);
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(static_cast<std::uint16_t>(
            std::stoi(endpoint.substr(endpoint.find(':') + 1))));
        length = sizeof address;
    }
    const int fd = socket(storage.ss_family, SOCK_STREAM, 0);
    EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&storage), length), 0) << endpoint;
    return fd;
}

void ask(int fd, const std::string& page) {
    const std::string request = "GET " + page + " HTTP/1.1\r\nHost: here\r\n\r\n";
    EXPECT_EQ(send(fd, request.data(), request.size(), MSG_NOSIGNAL), std::ssize(request));
}

std::string get(const std::string& endpoint, const std::string& page) {
    const int fd = connect_to(endpoint);
    ask(fd, page);
    std::string answer;
    char piece[4096];
    for (ssize_t count = 0; (count = read(fd, piece, sizeof piece)) > 0;) {
        answer.append(piece, static_cast<std::size_t>(count));
    }
    close(fd);
    return answer;
}

TEST(Metrics, CountWhatKernelsDo) {
    const test::Scratch scratch;
    const std::vector<std::byte> bytes(64 * 4096, std::byte{7});
    const std::string uri = "localio://" + scratch.write("data", bytes);
    const Context context(config("off"));
    const gpuio::GPUIOArray<const std::uint8_t> array(context, uri, bytes.size());
    EXPECT_EQ(value(context.metrics(), "gpuio_l1_misses_total"), 0);
    std::vector<std::uint8_t> out(bytes.size());
    test::run(context, test::copy_out<std::uint8_t>, array.ref(), std::size_t{0}, out.size(),
              out.data());
    const auto stats = array.stats();
    const std::string text = context.metrics();
    EXPECT_GE(stats.l1_misses, 64u);
    EXPECT_EQ(value(text, "gpuio_l1_misses_total"), static_cast<long long>(stats.l1_misses));
    EXPECT_EQ(value(text, "gpuio_l1_filled_bytes_total"),
              static_cast<long long>(stats.l1_filled_bytes));
    EXPECT_TRUE(contains(context.metrics_json(),
                         "\"misses\":" + std::to_string(stats.l1_misses)));
    EXPECT_EQ(context.stats_endpoint(), "off");
}

TEST(Metrics, AreServedOverTcpAndOverAUnixSocket) {
    const test::Scratch scratch;
    const std::string file = scratch.path("figures.sock");
    for (const std::string& at : {std::string("127.0.0.1:0"), "unix:" + file}) {
        const Context context(config(at));
        const std::string endpoint = context.stats_endpoint();
        EXPECT_FALSE(endpoint.ends_with(":0"));
        const std::string answer = get(endpoint, "/metrics");
        EXPECT_TRUE(contains(answer, "HTTP/1.1 200 OK"));
        EXPECT_EQ(answer.substr(answer.find("\r\n\r\n") + 4), context.metrics());
        EXPECT_TRUE(contains(get(endpoint, "/stats.json"), context.metrics_json()));
    }
    EXPECT_NE(access(file.c_str(), F_OK), 0) << "the context left its socket behind";
}

// A program in C++ does not ignore SIGPIPE: a write to a client that has gone would end it.
TEST(Metrics, ClientsThatGoAwayDoNotEndTheProgram) {
    const test::Scratch scratch;
    const std::string file = scratch.path("figures.sock");
    for (const std::string& at : {std::string("127.0.0.1:0"), "unix:" + file}) {
        const Context context(config(at));
        for (int k = 0; k < 50; ++k) {
            const int fd = connect_to(context.stats_endpoint());
            ask(fd, "/metrics");
            close(fd);
        }
        EXPECT_TRUE(contains(get(context.stats_endpoint(), "/metrics"), "HTTP/1.1 200 OK"));
    }
}

TEST(Metrics, BadAddressesAreRefused) {
    EXPECT_GPUIO_ERROR(Context{config("0.0.0.0:9464")}, ErrorCode::kInvalidArgument,
                       "stats_endpoint", "public:0.0.0.0:9464");
    EXPECT_GPUIO_ERROR(Context{config("somewhere")}, ErrorCode::kInvalidArgument,
                       "stats_endpoint", "127.0.0.1:9464");
    EXPECT_GPUIO_ERROR(Context{config("unix:/no/such/folder/a.sock")}, ErrorCode::kNotFound,
                       "folder");
    EXPECT_GPUIO_ERROR(Context{config("unix:/" + std::string(107, 'x'))},
                       ErrorCode::kInvalidArgument, "107");
    const Context first(config("127.0.0.1:0"));
    EXPECT_GPUIO_ERROR(Context{config(first.stats_endpoint())}, ErrorCode::kBusy, "port 0");
}

TEST(Metrics, AStoppedServiceIsAnError) {
    const Context context(config("off"));
    context.state()->stop_service();
    EXPECT_GPUIO_ERROR(context.metrics(), ErrorCode::kGeneral, "has stopped");
    EXPECT_GPUIO_ERROR(context.metrics_json(), ErrorCode::kGeneral, "has stopped");
}

}  // namespace
