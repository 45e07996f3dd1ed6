#include "common/csr_file.hpp"

#include <algorithm>
#include <string>

namespace examples {
namespace {

constexpr std::uint64_t align_up(std::uint64_t position) {
    return (position + kCsrAlignmentBytes - 1) / kCsrAlignmentBytes * kCsrAlignmentBytes;
}

// Far above any disk, far below where the sums of positions could wrap.
constexpr std::uint64_t kMaxEdgeCount = std::uint64_t{1} << 56;

[[noreturn]] void malformed(const File& file, const std::string& what) {
    throw FormatError(file.path().string() + ": " + what);
}

void require_counts(const File& file, const CsrHeader& header) {
    if (header.vertex_count > kCsrMaxVertexCount || header.edge_count > kMaxEdgeCount) {
        malformed(file, "the header claims " + std::to_string(header.vertex_count) +
                            " vertices and " + std::to_string(header.edge_count) +
                            " edges, more than the format can hold");
    }
}

}  // namespace

CsrHeader csr_layout(std::uint64_t vertex_count, std::uint64_t edge_count, bool has_types) {
    if (vertex_count > kCsrMaxVertexCount || edge_count > kMaxEdgeCount) {
        throw std::length_error("a graph file holds at most 2^32 vertices and 2^56 edges");
    }
    CsrHeader header;
    header.vertex_count = vertex_count;
    header.edge_count = edge_count;
    header.offsets_position = align_up(sizeof(CsrHeader));
    std::uint64_t end = header.offsets_position + (vertex_count + 1) * sizeof(std::uint64_t);
    header.neighbours_position = align_up(end);
    end = header.neighbours_position + edge_count * sizeof(std::uint32_t);
    if (has_types) {
        header.types_position = align_up(end);
        end = header.types_position + edge_count;
    }
    header.file_bytes = end;
    return header;
}

CsrHeader read_csr_header(const File& file) {
    const std::uint64_t size_bytes = file.size_bytes();
    if (size_bytes < sizeof(CsrHeader)) {
        malformed(file, "not a graph file: " + std::to_string(size_bytes) +
                            " bytes, and the header alone has 64");
    }
    CsrHeader header;
    file.read_at(std::as_writable_bytes(std::span(&header, 1)), 0);
    if (header.magic != kCsrMagic) malformed(file, "not a graph file: no GPUIOCSR at byte 0");
    if (header.version != kCsrVersion) {
        malformed(file, "graph file version " + std::to_string(header.version) +
                            "; this program reads version " + std::to_string(kCsrVersion));
    }
    require_counts(file, header);
    const auto layout =
        csr_layout(header.vertex_count, header.edge_count, header.types_position != 0);
    if (header != layout) malformed(file, "the header's flags or section positions are not valid");
    if (size_bytes < header.file_bytes) {
        malformed(file, "cut short: " + std::to_string(size_bytes) + " bytes of " +
                            std::to_string(header.file_bytes));
    }
    return header;
}

std::vector<std::uint64_t> read_csr_offsets(const File& file, const CsrHeader& header) {
    std::vector<std::uint64_t> offsets(header.vertex_count + 1);
    file.read_at(std::as_writable_bytes(std::span(offsets)), header.offsets_position);
    if (offsets.front() != 0 || offsets.back() != header.edge_count) {
        malformed(file, "row offsets run from " + std::to_string(offsets.front()) + " to " +
                            std::to_string(offsets.back()) + " instead of 0 to " +
                            std::to_string(header.edge_count));
    }
    const auto step_back = std::adjacent_find(offsets.begin(), offsets.end(), std::greater<>());
    if (step_back != offsets.end()) {
        malformed(file, "the row of vertex " + std::to_string(step_back - offsets.begin()) +
                            " ends before it begins");
    }
    return offsets;
}

std::vector<std::uint32_t> read_csr_neighbours(const File& file, const CsrHeader& header) {
    std::vector<std::uint32_t> neighbours(header.edge_count);
    file.read_at(std::as_writable_bytes(std::span(neighbours)), header.neighbours_position);
    const auto stray = std::find_if(neighbours.begin(), neighbours.end(),
                                    [&](std::uint32_t v) { return v >= header.vertex_count; });
    if (stray != neighbours.end()) {
        malformed(file, "edge " + std::to_string(stray - neighbours.begin()) + " leads to vertex " +
                            std::to_string(*stray) + ", but there are " +
                            std::to_string(header.vertex_count));
    }
    return neighbours;
}

void write_csr(const std::filesystem::path& path, std::span<const std::uint64_t> offsets,
               std::span<const std::uint32_t> neighbours, std::span<const std::uint8_t> types) {
    if (offsets.empty() || offsets.back() != neighbours.size() ||
        (!types.empty() && types.size() != neighbours.size())) {
        throw std::invalid_argument("write_csr: offsets, neighbours and types do not fit together");
    }
    const auto header = csr_layout(offsets.size() - 1, neighbours.size(), !types.empty());
    auto file = File::create(path);
    file.resize(header.file_bytes);
    file.write_at(std::as_bytes(offsets), header.offsets_position);
    file.write_at(std::as_bytes(neighbours), header.neighbours_position);
    if (!types.empty()) file.write_at(std::as_bytes(types), header.types_position);
    // The header last: a half-written file is then not mistaken for a graph.
    file.write_at(std::as_bytes(std::span(&header, 1)), 0);
}

}  // namespace examples
