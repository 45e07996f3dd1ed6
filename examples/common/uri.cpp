#include "common/uri.hpp"

#include <string_view>

namespace examples {

std::string localio_uri(const std::filesystem::path& path, std::uint64_t offset_bytes) {
    // RFC 3986's unreserved characters, and the slash that separates folders.
    constexpr std::string_view kPlain =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string uri = "localio://";
    for (const char c : std::filesystem::absolute(path).string()) {
        if (kPlain.find(c) != std::string_view::npos) {
            uri += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            uri += '%';
            uri += kDigits[byte >> 4];
            uri += kDigits[byte & 15];
        }
    }
    if (offset_bytes != 0) uri += "?offset=" + std::to_string(offset_bytes);
    return uri;
}

}  // namespace examples
