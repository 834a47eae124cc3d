#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace headroom::models {

/// A published tensor's name with the first of these beginnings that it has replaced by the second
/// of the pair; unchanged where it has none. Nothing for buffers that old exports stored beside the
/// weights.
std::optional<std::string> renamed(
    const std::string& published,
    std::initializer_list<std::pair<std::string_view, std::string_view>> beginnings);

}  // namespace headroom::models
