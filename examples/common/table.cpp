#include "common/table.hpp"

#include <algorithm>

namespace examples {

std::string Table::text() const {
    std::size_t widest = 0;
    for (const auto& [name, value] : rows_) widest = std::max(widest, name.size());
    std::string text;
    for (const auto& [name, value] : rows_) {
        text += "  " + name + std::string(widest - name.size() + 2, ' ') + value + '\n';
    }
    return text;
}

}  // namespace examples
