#include "embedding_gather/safetensors.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>

#include "common/csr_file.hpp"

namespace examples {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;
constexpr std::size_t kMaxDimensionCount = 16;

// What the usual model families call the matrix (BERT, Llama, GPT-2, T5).
constexpr std::array<std::string_view, 4> kEmbeddingNames = {
    "word_embeddings.weight", "embed_tokens.weight", "wte.weight", "shared.weight"};

[[noreturn]] void malformed(const File& file, const std::string& what) {
    throw FormatError(file.path().string() + ": " + what);
}

json read_header(const File& file, std::uint64_t& header_bytes) {
    const std::uint64_t file_bytes = file.size_bytes();
    if (file_bytes < sizeof(header_bytes)) malformed(file, "shorter than a safetensors header");
    file.read_at(std::as_writable_bytes(std::span(&header_bytes, 1)), 0);
    if (header_bytes > kMaxHeaderBytes || header_bytes > file_bytes - sizeof(header_bytes)) {
        malformed(file, "the first 8 bytes claim a header of " + std::to_string(header_bytes) +
                            " bytes; is this a safetensors file?");
    }
    std::string text(header_bytes, '\0');
    file.read_at(std::as_writable_bytes(std::span(text)), sizeof(header_bytes));
    try {
        json header = json::parse(text);
        if (header.is_object()) return header;
    } catch (const json::exception& error) {
        malformed(file, std::string("the header is not JSON: ") + error.what());
    }
    malformed(file, "the header is not a JSON object");
}

Tensor read_tensor(const File& file, const std::string& name, const json& entry,
                   std::uint64_t data_position) {
    Tensor tensor;
    tensor.name = name;
    std::array<std::uint64_t, 2> span{};
    try {
        entry.at("dtype").get_to(tensor.dtype);
        entry.at("shape").get_to(tensor.shape);
        entry.at("data_offsets").get_to(span);
        for (const auto& number : entry.at("data_offsets")) {
            // nlohmann's conversion would wrap a negative number round.
            if (!number.is_number_unsigned())
                malformed(file, "tensor " + name + ": bad data_offsets");
        }
    } catch (const json::exception& error) {
        malformed(file, "tensor " + name + ": " + error.what());
    }
    const std::uint64_t data_bytes = file.size_bytes() - data_position;
    if (span[0] > span[1] || span[1] > data_bytes) {
        malformed(file, "tensor " + name + " lies at bytes " + std::to_string(span[0]) + " to " +
                            std::to_string(span[1]) + " of " + std::to_string(data_bytes));
    }
    if (tensor.shape.size() > kMaxDimensionCount) {
        malformed(file, "tensor " + name + " has more than 16 dimensions");
    }
    tensor.position_bytes = data_position + span[0];
    tensor.size_bytes = span[1] - span[0];
    return tensor;
}

bool is_embedding_name(std::string_view name) {
    return std::ranges::any_of(kEmbeddingNames, [&](auto known) { return name.ends_with(known); });
}

std::uint64_t element_bytes(const Tensor& tensor) {
    if (tensor.dtype == "F32") return 4;
    if (tensor.dtype == "F16") return 2;
    throw FormatError("tensor " + tensor.name + " is of dtype " + tensor.dtype +
                      "; this program reads F32 and F16");
}

void require_matrix(const Tensor& tensor) {
    const std::uint64_t bytes = element_bytes(tensor);
    if (tensor.shape.size() != 2) {
        throw FormatError("tensor " + tensor.name + " has " + std::to_string(tensor.shape.size()) +
                          " dimensions; a matrix of embeddings has 2");
    }
    const auto [rows, columns] = std::pair(tensor.shape[0], tensor.shape[1]);
    // By division: rows * columns * bytes could wrap.
    if (rows == 0 || columns == 0 || tensor.size_bytes % bytes != 0 ||
        tensor.size_bytes / bytes % columns != 0 || tensor.size_bytes / bytes / columns != rows) {
        throw FormatError("tensor " + tensor.name + " has " + std::to_string(tensor.size_bytes) +
                          " bytes, which is not " + std::to_string(rows) + " x " +
                          std::to_string(columns) + " elements of " + std::to_string(bytes));
    }
}

}  // namespace

std::vector<Tensor> read_safetensors(const File& file) {
    std::uint64_t header_bytes = 0;
    const json header = read_header(file, header_bytes);
    std::vector<Tensor> tensors;
    for (const auto& [name, entry] : header.items()) {
        if (name == "__metadata__") continue;
        tensors.push_back(read_tensor(file, name, entry, sizeof(header_bytes) + header_bytes));
    }
    std::ranges::sort(tensors, {}, &Tensor::name);
    return tensors;
}

const Tensor& find_embedding(const std::vector<Tensor>& tensors, const std::string& name) {
    const auto fits = [&](const Tensor& tensor) {
        return name.empty() ? is_embedding_name(tensor.name) : tensor.name == name;
    };
    const auto found = std::ranges::find_if(tensors, fits);
    if (found == tensors.end()) {
        throw FormatError(name.empty() ? "no tensor is called like a token-embedding matrix; "
                                         "name one with --tensor"
                                       : "there is no tensor " + name);
    }
    const auto second = std::find_if(found + 1, tensors.end(), fits);
    if (second != tensors.end()) {
        throw FormatError("both " + found->name + " and " + second->name +
                          " could be the token-embedding matrix; name one with --tensor");
    }
    require_matrix(*found);
    return *found;
}

}  // namespace examples
