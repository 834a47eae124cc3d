#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace headroom::backends {

/// The origin of the names that the program brings.
inline constexpr std::string_view kBuiltIn = "built in";

/// A short name and the word that it stands for.
struct ModelName {
  std::string name;    ///< "llava_mlx"
  std::string word;    ///< a folder, org/name[@revision], …
  std::string origin;  ///< "built in", or the file that says so
};

/// The names of the tool that this one replaces, in its order.
std::vector<ModelName> built_in_models();

/// The table with `added` in it: a name that is there already gets the added meaning in its place,
/// others follow in order. Of several of one name in `added` the first counts.
std::vector<ModelName> extended(std::vector<ModelName> table, const std::vector<ModelName>& added);

/// Null when the table has no such name.
const ModelName* find_model_name(const std::vector<ModelName>& table, const std::string& name);

}  // namespace headroom::backends
