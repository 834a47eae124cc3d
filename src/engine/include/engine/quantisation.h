#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/json.h"
#include "engine/device.h"

namespace headroom::engine {

/// How one matrix is packed: each row a stream of `bits`-bit numbers, lowest bits first.
/// kAffine: number * scale + bias, with scale and bias for each `group` numbers.
/// kMxfp4: numbers are e2m1 floats, the scale of 32 of them a power of two in one byte.
struct Packing {
  enum class Mode { kAffine, kMxfp4 };

  Mode mode = Mode::kAffine;
  int bits = 4;
  int group = 64;

  bool operator==(const Packing&) const = default;
};

/// "4 bits in groups of 64".
std::string to_string(const Packing& packing);

/// config.json's "quantization", as MLX's converters write it. A matrix is packed where a tensor
/// of scales stands beside it; this says how.
/// Source: MLX 0.32, nn/layers/quantized.py; mlx-vlm 0.7.10, utils.py.
class Quantisation {
 public:
  /// Nothing is quantised.
  Quantisation() = default;

  /// Throws: UsageError("E-CONFIG") naming key and value for a quantisation that is not known here:
  /// other bits, groups or modes, and what other tools write to "quantization_config".
  static Quantisation from_json(const Json& config, const std::string& where);

  bool any() const { return usual_.has_value(); }

  /// Of most matrices.
  const std::optional<Packing>& usual() const { return usual_; }

  /// `module`: the published name without ".weight". Empty: said not to be packed.
  std::optional<Packing> of(const std::string& module) const;

 private:
  std::optional<Packing> usual_;
  std::map<std::string, std::optional<Packing>> others_;
};

/// Whole rows -> values in `dtype`, computed in float32. `scales` and `biases` as float32 [rows,
/// width / group]; for kMxfp4 the scales are bytes and there are no biases.
/// Requires: width is a multiple of the group, and a row a whole number of 32-bit words.
void unpack_affine_rows(const Packing& packing,
                        const char* packed,
                        const float* scales,
                        const float* biases,
                        std::size_t rows,
                        std::size_t width,
                        mx::Dtype dtype,
                        char* to);
void unpack_mxfp4_rows(const char* packed,
                       const std::uint8_t* scales,
                       std::size_t rows,
                       std::size_t width,
                       mx::Dtype dtype,
                       char* to);

}  // namespace headroom::engine
