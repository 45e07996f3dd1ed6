// The head of a .safetensors file: u64 length, that many bytes of JSON, then the tensors' bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/file.hpp"

namespace examples {

/// Where one tensor lies.
struct Tensor {
    std::string name;
    std::string dtype;  ///< as in the file: "F32", "F16", "BF16", "I64", ...
    std::vector<std::uint64_t> shape;
    std::uint64_t position_bytes = 0;  ///< first byte, counted from the start of the file
    std::uint64_t size_bytes = 0;
};

/// The tensors of the file, in the order of their names. Throws FormatError naming the file and
/// what is wrong: a length beyond the file or 100 MB (the format's own limit), text that is not
/// JSON, a tensor without dtype, shape or data_offsets, or one that lies outside the file.
std::vector<Tensor> read_safetensors(const File& file);

/// The matrix of token embeddings: the tensor called `name`, or, where `name` is empty, the one
/// two-dimensional F32 or F16 tensor whose name speaks of word or token embeddings. Throws
/// FormatError when there is none or several, when its dtype or shape is another, or when its
/// bytes are not what its shape takes.
const Tensor& find_embedding(const std::vector<Tensor>& tensors, const std::string& name);

}  // namespace examples
