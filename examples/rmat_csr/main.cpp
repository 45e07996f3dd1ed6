// Generates an R-MAT graph and writes it as a graph file.
#include <algorithm>
#include <cstdio>
#include <thread>

#include "common/cli.hpp"
#include "common/csr_file.hpp"
#include "common/format.hpp"
#include "rmat_csr/rmat.hpp"

int main(int argc, char** argv) {
    examples::RmatConfig config;
    examples::RmatLimits limits;
    limits.thread_count = std::max(1U, std::thread::hardware_concurrency());
    std::string output;
    CLI::App app(
        "Writes an R-MAT graph (a=.57 b=.19 c=.19) as a graph file (CSR). Scale 23 with "
        "edge factor 16 takes 1 GiB of edges.",
        "rmat_csr");
    app.add_option("--output", output, "graph file to write")->required();
    app.add_option("--scale", config.scale, "log2 of the vertex count")
        ->check(CLI::Range(1, 31))
        ->capture_default_str();
    app.add_option("--edge-factor", config.edge_factor, "generated edges a vertex")
        ->check(CLI::Range(1, 4096))
        ->capture_default_str();
    app.add_option("--seed", config.seed, "another seed, another graph")->capture_default_str();
    app.add_flag("--directed", config.directed, "store each edge in one direction only");
    examples::add_size_option(app, "--memory", limits.buffer_bytes,
                              "edges held in memory at a time, beside 8 bytes a vertex");

    return examples::run_program(app, argc, argv, [&] {
        using examples::format_bytes;
        using examples::format_count;
        const auto passes = examples::write_rmat(output, config, limits);
        const auto edge_bytes = config.stored_edge_count() * sizeof(std::uint32_t);
        const auto memory_bytes =
            std::min(limits.buffer_bytes, edge_bytes) + config.vertex_count() * 8;
        std::printf("%s: %s vertices, %s edges (%s); %s passes, %s of memory\n", output.c_str(),
                    format_count(config.vertex_count()).c_str(),
                    format_count(config.stored_edge_count()).c_str(),
                    format_bytes(edge_bytes).c_str(), format_count(passes + 1).c_str(),
                    format_bytes(memory_bytes).c_str());
        return examples::kOk;
    });
}
