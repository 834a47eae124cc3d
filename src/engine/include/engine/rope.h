#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/device.h"
#include "engine/pass.h"

namespace headroom::engine {

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
  /// M-RoPE: how many frequencies turn by a token's position in time, in height and in width; all
  /// 0: every frequency turns by the one position there is. Their sum is dim/2.
  std::array<int, 3> sections = {0, 0, 0};
  /// The three take turns while height and width have any left, and time has the rest; else one
  /// section stands behind the other.
  bool interleaved = false;
};

/// Rotary position embedding in the half-split form: of the rotated numbers of a head, i is rotated
/// with i + dim/2 by position * frequency(i).
/// Source: Transformers 5.24, modeling_rope_utils.py; models/llama/modeling_llama.py,
/// LlamaRotaryEmbedding; longrope: Microsoft, modeling_phi3_v.py, Phi3SuScaledRotaryEmbedding; for
/// sections models/qwen2_vl, models/qwen3_vl (modeling_….py), recomposition_frequencies.
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

  /// Where the tokens of a pass have positions of several rows and frequencies turn by them: an
  /// entry as the table's for each packed token, [T, dim], made once a pass. Null: the table holds
  /// what they need.
  std::shared_ptr<const Table> angles(const Pass& pass) const;

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
  Set long_;                        // kLongRope
  std::vector<std::uint8_t> rows_;  // [dim/2]: of a token's positions; empty: no sections
};

}  // namespace headroom::engine
