// Resource URIs of local files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace examples {

/// `localio://` with the file's absolute path, everything but unreserved characters and slashes
/// percent-encoded, so that any file name works; `offset_bytes` is where the array begins.
std::string localio_uri(const std::filesystem::path& path, std::uint64_t offset_bytes = 0);

}  // namespace examples
