#pragma once

#include <memory>
#include <vector>

#include "engine/device.h"

namespace headroom::engine {

struct Pass;

/// How a family scales rotary frequencies. A further kind is an enumerator here, its settings
/// below, and its row in rope.cpp.
enum class RopeKind { kDefault, kLinear, kLlama3, kLongRope };

/// Rotary position embedding as a checkpoint's configuration has it.
struct RopeConfig {
  RopeKind kind = RopeKind::kDefault;
  int dim = 0;  ///< numbers of a head that are rotated, from its first on
  float theta = 10000.0F;
  float factor = 1.0F;  ///< kLinear, kLlama3
  /// kLlama3.
  float low_freq_factor = 1.0F;
  float high_freq_factor = 4.0F;
  int original_context = 8192;
  /// kLongRope: by what each frequency is divided in prompts of up to original_context tokens, and
  /// in longer ones and behind them; what all rotated numbers are multiplied by. [dim/2]
  std::vector<float> short_factors;
  std::vector<float> long_factors;
  float amplitude = 1.0F;
};

/// Rotary position embedding in the half-split form: of the rotated numbers of a head, i is rotated
/// with i + dim/2 by position * frequency(i).
/// Source: Transformers 5.24, modeling_rope_utils.py; models/llama/modeling_llama.py,
/// LlamaRotaryEmbedding; longrope: Microsoft, modeling_phi3_v.py, Phi3SuScaledRotaryEmbedding.
class Rope {
 public:
  /// Cosines, then sines, of the first dim/2 angles of each position, times the amplitude:
  /// [positions, dim].
  using Table = std::vector<float>;

  explicit Rope(const RopeConfig& config);

  Rope(int dim, float theta) : Rope(RopeConfig{.dim = dim, .theta = theta}) {}

  int dim() const { return config_.dim; }

  float theta() const { return config_.theta; }

  /// True: frequency i is theta^(-2i/dim).
  bool plain() const { return config_.kind == RopeKind::kDefault; }

  float amplitude() const { return config_.amplitude; }

  /// For each packed token whether the long factors rotate it: it is part of a prompt that is
  /// longer than the short ones are for, or stands behind that length. Empty: none is.
  std::vector<char> long_tokens(const Pass& pass) const;

  /// What MLX divides positions by: one over each frequency. [dim/2]
  mx::array wavelengths(bool is_long = false) const;

  /// A table of at least `positions` positions, grown by powers of two.
  /// Thread: one at a time; tables handed out stay valid and unchanged.
  std::shared_ptr<const Table> table(int positions, bool is_long = false) const;

 private:
  /// Frequencies and, as far as it was asked for, their table.
  struct Set {
    std::vector<float> frequencies;  // [dim/2]
    mutable std::shared_ptr<const Table> table;
    mutable int positions = 0;
  };

  const Set& set(bool is_long) const { return is_long ? long_ : usual_; }

  RopeConfig config_;
  Set usual_;
  Set long_;  // kLongRope
};

}  // namespace headroom::engine
