#include "engine/quantisation.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstring>
#include <set>
#include <vector>

#include "base/errors.h"
#include "convert.h"

namespace headroom::engine {
namespace {

[[noreturn]] void refuse(const std::string& where, const std::string& what) {
  throw UsageError("E-CONFIG", fmt::format("{}: {}", where, what));
}

/// Keys that say something about all matrices; any other key is a matrix's name.
const std::set<std::string> kSettings = {"group_size", "bits", "mode"};

constexpr int kMostNumber = 1024;

int whole_number(const Json& table, const char* key, int otherwise, const std::string& where) {
  const auto found = table.find(key);
  if (found == table.end() || found->is_null()) {
    return otherwise;
  }
  if (!found->is_number_integer() || *found < 1 || *found > kMostNumber) {
    refuse(where,
           fmt::format("{} is {}; a whole number from 1 to {} is wanted",
                       key,
                       dump_json(*found),
                       kMostNumber));
  }
  return found->get<int>();
}

/// What a table leaves out is MLX's default of the mode, in a matrix's own table too.
Packing read_packing(const Json& table, const std::string& where) {
  Packing packing;
  if (const auto mode = table.find("mode"); mode != table.end() && !mode->is_null()) {
    if (*mode == "affine") {
      packing.mode = Packing::Mode::kAffine;
    } else if (*mode == "mxfp4") {
      packing = {Packing::Mode::kMxfp4, 4, 32};
    } else {
      refuse(where, fmt::format("mode is {}; affine and mxfp4 are supported", dump_json(*mode)));
    }
  }
  packing.bits = whole_number(table, "bits", packing.bits, where);
  packing.group = whole_number(table, "group_size", packing.group, where);
  static const std::set<int> kBits = {2, 3, 4, 5, 6, 8};
  static const std::set<int> kGroups = {32, 64, 128};
  if (packing.mode == Packing::Mode::kMxfp4) {
    if (packing.bits != 4 || packing.group != 32) {
      refuse(where, fmt::format("mxfp4 has 4 bits in groups of 32, not {}", to_string(packing)));
    }
  } else if (!kBits.contains(packing.bits) || !kGroups.contains(packing.group)) {
    refuse(where,
           fmt::format("asks for {}; 2, 3, 4, 5, 6 or 8 bits in groups of 32, 64 or 128 are "
                       "supported",
                       to_string(packing)));
  }
  return packing;
}

/// The table, or null where nothing is quantised.
const Json* find_table(const Json& config, const std::string& where) {
  const auto found = config.find("quantization");
  if (found != config.end() && !found->is_null()) {
    return &*found;
  }
  const auto other = config.find("quantization_config");
  if (other == config.end() || other->is_null()) {
    return nullptr;
  }
  // MLX writes its table under both names; what other tools write names its method.
  if (other->is_object() && other->contains("quant_method")) {
    refuse(where,
           fmt::format("quantization_config: quant_method {} is not supported; MLX's affine and "
                       "mxfp4 are: take an unquantised checkpoint, or one of mlx-community",
                       dump_json(other->at("quant_method"))));
  }
  return &*other;
}

template <typename To>
void put(const std::vector<float>& values, char* to) {
  auto* target = reinterpret_cast<To*>(to);
  for (std::size_t i = 0; i < values.size(); ++i) {
    target[i] = static_cast<To>(values[i]);
  }
}

void put_row(const std::vector<float>& values, mx::Dtype dtype, char* to) {
  if (dtype == mx::float32) {
    put<float>(values, to);
  } else if (dtype == mx::bfloat16) {
    put<mx::bfloat16_t>(values, to);
  } else {
    put<mx::float16_t>(values, to);
  }
}

/// Calls `use(i, number)` for each number of a packed row.
template <typename Use>
void for_numbers(const char* packed, std::size_t width, int bits, const Use& use) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(packed);
  const std::uint32_t mask = (1U << static_cast<unsigned>(bits)) - 1;
  std::uint32_t held = 0;
  int count = 0;
  for (std::size_t i = 0; i < width; ++i) {
    while (count < bits) {
      held |= static_cast<std::uint32_t>(*bytes++) << static_cast<unsigned>(count);
      count += 8;
    }
    use(i, held & mask);
    held >>= static_cast<unsigned>(bits);
    count -= bits;
  }
}

}  // namespace

std::string to_string(const Packing& packing) {
  return fmt::format("{}{} bits in groups of {}",
                     packing.mode == Packing::Mode::kMxfp4 ? "mxfp4, " : "",
                     packing.bits,
                     packing.group);
}

Quantisation Quantisation::from_json(const Json& config, const std::string& where) {
  Quantisation result;
  const Json* table = find_table(config, where);
  if (table == nullptr) {
    return result;
  }
  const std::string place = where + ": quantization";
  if (!table->is_object()) {
    refuse(place, fmt::format("is {}, not a table", dump_json(*table)));
  }
  const Packing usual = read_packing(*table, place);
  result.usual_ = usual;
  for (const auto& [module, value] : table->items()) {
    if (kSettings.contains(module)) {
      continue;
    }
    const std::string inner = fmt::format("{}: {}", place, module);
    if (value.is_object()) {
      result.others_[module] = read_packing(value, inner);
    } else if (value.is_boolean()) {
      result.others_[module] = value.get<bool>() ? std::optional(usual) : std::nullopt;
    } else {
      refuse(inner, fmt::format("is {}; a table, true or false is wanted", dump_json(value)));
    }
  }
  return result;
}

std::optional<Packing> Quantisation::of(const std::string& module) const {
  const auto other = others_.find(module);
  return other == others_.end() ? usual_ : other->second;
}

void unpack_affine_rows(const Packing& packing,
                        const char* packed,
                        const float* scales,
                        const float* biases,
                        std::size_t rows,
                        std::size_t width,
                        mx::Dtype dtype,
                        char* to) {
  const auto group = static_cast<std::size_t>(packing.group);
  const std::size_t packed_row = width * static_cast<std::size_t>(packing.bits) / 8;
  std::vector<float> values(width);
  for (std::size_t row = 0; row < rows; ++row) {
    for_numbers(packed, width, packing.bits, [&](std::size_t i, std::uint32_t number) {
      values[i] = static_cast<float>(number) * scales[i / group] + biases[i / group];
    });
    put_row(values, dtype, to);
    packed += packed_row;
    scales += width / group;
    biases += width / group;
    to += width * mx::size_of(dtype);
  }
}

void unpack_mxfp4_rows(const char* packed,
                       const std::uint8_t* scales,
                       std::size_t rows,
                       std::size_t width,
                       mx::Dtype dtype,
                       char* to) {
  constexpr std::array<float, 16> kNumbers = {0.0F,
                                              0.5F,
                                              1.0F,
                                              1.5F,
                                              2.0F,
                                              3.0F,
                                              4.0F,
                                              6.0F,
                                              -0.0F,
                                              -0.5F,
                                              -1.0F,
                                              -1.5F,
                                              -2.0F,
                                              -3.0F,
                                              -4.0F,
                                              -6.0F};
  constexpr std::size_t kGroup = 32;
  constexpr int kExponentBias = 127;
  std::vector<float> values(width);
  for (std::size_t row = 0; row < rows; ++row) {
    for_numbers(packed, width, 4, [&](std::size_t i, std::uint32_t number) {
      values[i] = std::ldexp(kNumbers[number], scales[i / kGroup] - kExponentBias);
    });
    put_row(values, dtype, to);
    packed += width / 2;
    scales += width / kGroup;
    to += width * mx::size_of(dtype);
  }
}

}  // namespace headroom::engine
