#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "engine/checkpoint.h"
#include "engine/device.h"
#include "engine/quantisation.h"

namespace headroom::engine {

/// The tensors of a checkpoint, handed out by name, each exactly once, in one dtype.
/// A model is built twice from two of these: first in mode kCheck, which reads nothing and hands
/// out shapes alone, so that `finish` can list every fault before the first byte is read; then in
/// mode kRead.
/// Matrices that are packed (quantisation.h) are unpacked as they are read, some rows at a time.
/// Thread: MLX thread.
class Weights {
 public:
  enum class Mode { kCheck, kRead };
  /// The name that the family uses for a published one; empty: the tensor is left out on purpose.
  using Rename = std::function<std::optional<std::string>(const std::string&)>;

  /// Throws: UsageError("E-WEIGHTS") if two published tensors get the same name.
  Weights(const Checkpoint& checkpoint,
          mx::Dtype dtype,
          Mode mode,
          const Rename& rename,
          Quantisation quantisation = {});
  ~Weights();
  Weights(const Weights&) = delete;
  Weights& operator=(const Weights&) = delete;

  bool has(const std::string& name) const { return places_.contains(name); }

  /// The tensor, converted. A missing one, or one of another shape, is remembered for `finish`.
  /// Memory: its size in the wanted dtype, and kStaging while it is converted.
  /// Throws: UsageError("E-WEIGHTS-FILE") when reading fails.
  mx::array take(const std::string& name, const mx::Shape& shape);
  /// Several matrices of equal width one below the other, read into one array; `width` 0: vectors.
  mx::array take_stacked(std::span<const std::string> names, std::span<const int> rows, int width);

  /// The tensor with `by` added to each number, in float32: 16 bits would round the sum.
  mx::array take_raised(const std::string& name, const mx::Shape& shape, float by);
  /// A matrix [out, in] that is stored as [in, out].
  mx::array take_transposed(const std::string& name, const mx::Shape& shape);
  /// The weight of a convolution, [out, in, sides…], which MLX's files hold as [out, sides…, in]:
  /// the one of both that is stored, and where they are one shape, what the file's metadata says.
  mx::array take_convolution(const std::string& name, const mx::Shape& shape);
  /// Tensors that are part of the model and of no use here: all whose names begin so.
  void leave_out(const std::string& prefix);

  /// Throws: UsageError("E-WEIGHTS") listing all missing tensors, all of a wrong shape or dtype,
  /// and all that nobody took.
  void finish() const;

  /// Of what was taken.
  Bytes bytes() const { return bytes_; }

  std::uint64_t parameters() const { return parameters_; }

  mx::Dtype dtype() const { return dtype_; }

  static constexpr std::uint64_t kStaging = 4ULL << 20U;

 private:
  class File;
  struct Packed;

  /// Computed at once, where there is something to compute: what is lazy would keep what it is of.
  mx::array settled(mx::array&& array) const;
  /// Reads a tensor to `target`; remembers a fault instead.
  void fill(const std::string& name, const std::vector<std::uint64_t>& shape, char* target);
  /// The same for a matrix that is packed. False: it is not.
  bool fill_packed(const std::string& name, const std::vector<std::uint64_t>& shape, char* target);
  bool check_packed(const Packed& packed, std::uint64_t rows, std::uint64_t width);
  void read_packed(const Packed& packed, std::uint64_t rows, std::uint64_t width, char* target);
  std::vector<float> read_floats(const Checkpoint::Entry& entry,
                                 std::uint64_t from,
                                 std::uint64_t count);
  File& file(std::size_t number);

  const Checkpoint& checkpoint_;
  mx::Dtype dtype_;
  Mode mode_;
  Quantisation quantisation_;
  std::map<std::string, const Checkpoint::Entry*> places_;
  std::map<std::string, std::string> published_;  // our name -> the published one, for messages
  std::map<std::size_t, std::unique_ptr<File>> open_;
  std::vector<std::string> missing_;
  std::vector<std::string> wrong_;
  Bytes bytes_;
  std::uint64_t parameters_ = 0;
};

}  // namespace headroom::engine
