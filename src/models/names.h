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

/// As Family::rename, of a tower, a projector and a decoder as Transformers stores them: since 5
/// ("model.language_model.…", a tower without "vision_model."), and before, which MLX's files
/// follow ("language_model.model.…"). Nothing for a SigLIP's head: no feature is made of it.
std::optional<std::string> transformers_name(const std::string& published);

}  // namespace headroom::models
