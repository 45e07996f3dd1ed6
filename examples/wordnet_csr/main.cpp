// Converts the WordNet database to a graph file.
#include <cstdio>

#include "common/cli.hpp"
#include "common/csr_file.hpp"
#include "common/format.hpp"
#include "wordnet_csr/wordnet.hpp"

int main(int argc, char** argv) {
    CLI::App app("Converts WordNet's data.{noun,verb,adj,adv} to a graph file (CSR).",
                 "wordnet_csr");
    std::string dictionary = "/usr/share/wordnet";
    std::string output;
    app.add_option("--dictionary", dictionary, "folder of the data.* files (package wordnet-base)")
        ->capture_default_str();
    app.add_option("--output", output, "graph file to write")->required();

    return examples::run_program(app, argc, argv, [&] {
        const auto graph = examples::read_wordnet(dictionary);
        examples::write_csr(output, graph.offsets, graph.neighbours, graph.types);
        std::printf("%s: %s vertices, %s typed edges\n", output.c_str(),
                    examples::format_count(graph.offsets.size() - 1).c_str(),
                    examples::format_count(graph.neighbours.size()).c_str());
        return examples::kOk;
    });
}
