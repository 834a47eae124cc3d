#include "engine/weights.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/errors.h"
#include "convert.h"

namespace headroom::engine {

/// One open weight file.
class Weights::File {
 public:
  explicit File(const std::filesystem::path& path)
      : path_(path), descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0) {
      fail(std::strerror(errno));
    }
  }

  ~File() { ::close(descriptor_); }

  File(const File&) = delete;
  File& operator=(const File&) = delete;

  void read(char* to, std::uint64_t bytes, std::uint64_t offset) const {
    while (bytes > 0) {
      const auto got = ::pread(descriptor_,
                               to,
                               static_cast<std::size_t>(std::min<std::uint64_t>(bytes, 1U << 30U)),
                               static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) {
        continue;
      }
      if (got <= 0) {
        fail(got < 0 ? std::strerror(errno) : "ended while it was read");
      }
      to += got;
      bytes -= static_cast<std::uint64_t>(got);
      offset += static_cast<std::uint64_t>(got);
    }
  }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw UsageError("E-WEIGHTS-FILE", path_.string() + ": " + why);
  }

  std::filesystem::path path_;
  int descriptor_;
};

namespace {

std::vector<std::uint64_t> to_stored(const mx::Shape& shape) {
  return {shape.begin(), shape.end()};
}

/// A buffer of the allocator that is not yet an array.
struct Room {
  mx::allocator::Data data;
  char* place;
};

Room make_room(std::uint64_t bytes) {
  mx::allocator::Data data = mx::allocator::malloc(static_cast<std::size_t>(bytes));
  auto* place = static_cast<char*>(data.buffer().raw_ptr());
  if (place == nullptr) {
    throw BudgetError("E-MEM-ALLOC",
                      fmt::format("weights: {} could not be allocated", to_string(Bytes(bytes))));
  }
  return {std::move(data), place};
}

std::uint64_t element_count(const mx::Shape& shape) {
  std::uint64_t count = 1;
  for (const auto side : shape) {
    count *= static_cast<std::uint64_t>(side);
  }
  return count;
}

void append_faults(std::string& message, const char* what, std::vector<std::string> names) {
  if (names.empty()) {
    return;
  }
  constexpr std::size_t kShown = 12;
  const std::size_t count = names.size();
  if (count > kShown) {
    names.resize(kShown);
    names.push_back(fmt::format("and {} more", count - kShown));
  }
  message += fmt::format("; {} {}: {}", count, what, fmt::join(names, ", "));
}

}  // namespace

/// The tensors of one packed matrix.
struct Weights::Packed {
  Packing packing;
  std::string module;  // published
  const Checkpoint::Entry* numbers = nullptr;
  const Checkpoint::Entry* scales = nullptr;
  const Checkpoint::Entry* biases = nullptr;  // kAffine
};

Weights::Weights(const Checkpoint& checkpoint,
                 mx::Dtype dtype,
                 Mode mode,
                 const Rename& rename,
                 Quantisation quantisation)
    : checkpoint_(checkpoint), dtype_(dtype), mode_(mode), quantisation_(std::move(quantisation)) {
  for (const auto& [published, entry] : checkpoint.tensors()) {
    const auto name = rename(published);
    if (!name) {
      continue;
    }
    if (!places_.emplace(*name, &entry).second) {
      throw UsageError("E-WEIGHTS",
                       fmt::format("{}: tensors '{}' and '{}' are the same part of the model",
                                   checkpoint.folder().string(),
                                   published_.at(*name),
                                   published));
    }
    published_.emplace(*name, published);
  }
}

Weights::~Weights() = default;

Weights::File& Weights::file(std::size_t number) {
  auto& slot = open_[number];
  if (!slot) {
    slot = std::make_unique<File>(checkpoint_.files()[number]);
  }
  return *slot;
}

/// Takes a matrix's numbers, scales and biases out of those that are left.
bool Weights::fill_packed(const std::string& name,
                          const std::vector<std::uint64_t>& shape,
                          char* target) {
  constexpr std::string_view kWeight = ".weight";
  if (!name.ends_with(kWeight) || shape.size() != 2) {
    return false;
  }
  const std::string base = name.substr(0, name.size() - kWeight.size());
  const auto scales = places_.find(base + ".scales");
  const auto numbers = places_.find(name);
  if (scales == places_.end() || numbers == places_.end()) {
    return false;
  }
  const std::string& published = published_.at(name);
  Packed packed{{}, published.substr(0, published.size() - kWeight.size())};
  packed.numbers = numbers->second;
  packed.scales = scales->second;
  places_.erase(scales);
  places_.erase(numbers);
  if (const auto biases = places_.find(base + ".biases"); biases != places_.end()) {
    packed.biases = biases->second;
    places_.erase(biases);
  }
  const auto packing = quantisation_.of(packed.module);
  if (!packing) {
    wrong_.push_back(packed.module + " has scales, and config.json does not say how it is packed");
    return true;
  }
  packed.packing = *packing;
  if (check_packed(packed, shape[0], shape[1]) && mode_ == Mode::kRead) {
    read_packed(packed, shape[0], shape[1], target);
  }
  return true;
}

/// Whether dtypes and shapes are what `packing` makes of such a matrix; remembers what is not.
bool Weights::check_packed(const Packed& packed, std::uint64_t rows, std::uint64_t width) {
  const Packing& packing = packed.packing;
  const auto bits = static_cast<std::uint64_t>(packing.bits);
  const auto group = static_cast<std::uint64_t>(packing.group);
  const bool affine = packing.mode == Packing::Mode::kAffine;
  const std::size_t faults = wrong_.size();
  const auto expect = [&](const char* kind,
                          const Checkpoint::Entry* entry,
                          const std::vector<std::uint64_t>& shape,
                          bool dtype_fits) {
    if (entry == nullptr) {
      wrong_.push_back(fmt::format("{} has scales without {}", packed.module, kind));
    } else if (entry->tensor.shape != shape || !dtype_fits) {
      wrong_.push_back(fmt::format("{}.{} is {} {}, wanted {} for {} of a [{}, {}] matrix",
                                   packed.module,
                                   kind,
                                   entry->tensor.dtype,
                                   shape_to_string(entry->tensor.shape),
                                   shape_to_string(shape),
                                   to_string(packing),
                                   rows,
                                   width));
    }
  };
  if (width % group != 0 || width * bits % 32 != 0) {
    wrong_.push_back(
        fmt::format("{} of {} columns cannot be {}", packed.module, width, to_string(packing)));
    return false;
  }
  const std::string& scales = packed.scales->tensor.dtype;
  expect(
      "weight", packed.numbers, {rows, width * bits / 32}, packed.numbers->tensor.dtype == "U32");
  expect("scales",
         packed.scales,
         {rows, width / group},
         affine ? convertible(scales) : scales == "U8");
  if (affine) {
    expect("biases",
           packed.biases,
           {rows, width / group},
           packed.biases != nullptr && convertible(packed.biases->tensor.dtype));
  } else if (packed.biases != nullptr) {
    wrong_.push_back(packed.module + ".biases: mxfp4 has none");
  }
  return wrong_.size() == faults;
}

std::vector<float> Weights::read_floats(const Checkpoint::Entry& entry,
                                        std::uint64_t from,
                                        std::uint64_t count) {
  const std::uint64_t size = stored_dtype_size(entry.tensor.dtype);
  std::vector<char> bytes(static_cast<std::size_t>(count * size));
  file(entry.file).read(bytes.data(), bytes.size(), entry.offset + from * size);
  std::vector<float> values(static_cast<std::size_t>(count));
  convert_elements(entry.tensor.dtype,
                   bytes.data(),
                   mx::float32,
                   reinterpret_cast<char*>(values.data()),
                   values.size());
  return values;
}

void Weights::read_packed(const Packed& packed,
                          std::uint64_t rows,
                          std::uint64_t width,
                          char* target) {
  const std::uint64_t row_bytes = width * static_cast<std::uint64_t>(packed.packing.bits) / 8;
  const std::uint64_t groups = width / static_cast<std::uint64_t>(packed.packing.group);
  // Scales and biases are held as stored and as float32.
  const std::uint64_t held = row_bytes + 16 * groups;
  const std::uint64_t at_once = std::max<std::uint64_t>(1, kStaging / held);
  for (std::uint64_t row = 0; row < rows; row += at_once) {
    const std::uint64_t count = std::min(at_once, rows - row);
    std::vector<char> numbers(static_cast<std::size_t>(count * row_bytes));
    file(packed.numbers->file)
        .read(numbers.data(), numbers.size(), packed.numbers->offset + row * row_bytes);
    char* to = target + row * width * mx::size_of(dtype_);
    if (packed.packing.mode == Packing::Mode::kMxfp4) {
      std::vector<std::uint8_t> scales(static_cast<std::size_t>(count * groups));
      file(packed.scales->file)
          .read(reinterpret_cast<char*>(scales.data()),
                scales.size(),
                packed.scales->offset + row * groups);
      unpack_mxfp4_rows(numbers.data(), scales.data(), count, width, dtype_, to);
      continue;
    }
    const auto scales = read_floats(*packed.scales, row * groups, count * groups);
    const auto biases = read_floats(*packed.biases, row * groups, count * groups);
    unpack_affine_rows(
        packed.packing, numbers.data(), scales.data(), biases.data(), count, width, dtype_, to);
  }
}

void Weights::fill(const std::string& name, const std::vector<std::uint64_t>& shape, char* target) {
  if (fill_packed(name, shape, target)) {
    return;
  }
  const auto found = places_.find(name);
  if (found == places_.end()) {
    missing_.push_back(name);
    return;
  }
  const Checkpoint::Entry& entry = *found->second;
  const StoredTensor& tensor = entry.tensor;
  const std::string published = published_.at(name);
  places_.erase(found);
  if (tensor.shape != shape) {
    wrong_.push_back(fmt::format(
        "{} is {}, wanted {}", published, shape_to_string(tensor.shape), shape_to_string(shape)));
    return;
  }
  if (!convertible(tensor.dtype)) {
    wrong_.push_back(fmt::format("{} is {}, wanted F32, BF16 or F16", published, tensor.dtype));
    return;
  }
  if (mode_ == Mode::kCheck) {
    return;
  }
  if (dtype_of(tensor.dtype) == dtype_) {
    file(entry.file).read(target, tensor.bytes(), entry.offset);
    return;
  }
  const std::uint64_t size = stored_dtype_size(tensor.dtype);
  std::vector<char> staging(static_cast<std::size_t>(std::min(kStaging, tensor.bytes())));
  for (std::uint64_t done = 0; done < tensor.bytes();) {
    const std::uint64_t part = std::min<std::uint64_t>(staging.size(), tensor.bytes() - done);
    file(entry.file).read(staging.data(), part, entry.offset + done);
    convert_elements(tensor.dtype,
                     staging.data(),
                     dtype_,
                     target + done / size * mx::size_of(dtype_),
                     static_cast<std::size_t>(part / size));
    done += part;
  }
}

mx::array Weights::take(const std::string& name, const mx::Shape& shape) {
  const std::uint64_t count = element_count(shape);
  const std::uint64_t bytes = count * mx::size_of(dtype_);
  parameters_ += count;
  bytes_ += Bytes(bytes);
  if (mode_ == Mode::kCheck) {
    fill(name, to_stored(shape), nullptr);
    return mx::zeros(shape, dtype_);  // lazy: a shape without memory
  }
  Room room = make_room(bytes);
  fill(name, to_stored(shape), room.place);
  return mx::array(std::move(room.data), shape, dtype_);
}

mx::array Weights::take_stacked(std::span<const std::string> names,
                                std::span<const int> rows,
                                int width) {
  int height = 0;
  for (const int n : rows) {
    height += n;
  }
  const mx::Shape shape = width == 0 ? mx::Shape{height} : mx::Shape{height, width};
  const std::uint64_t count = element_count(shape);
  const std::uint64_t bytes = count * mx::size_of(dtype_);
  parameters_ += count;
  bytes_ += Bytes(bytes);
  std::optional<Room> room;
  if (mode_ == Mode::kRead) {
    room.emplace(make_room(bytes));
  }
  std::uint64_t done = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const mx::Shape part = width == 0 ? mx::Shape{rows[i]} : mx::Shape{rows[i], width};
    fill(names[i], to_stored(part), room ? room->place + done : nullptr);
    done += element_count(part) * mx::size_of(dtype_);
  }
  return room ? mx::array(std::move(room->data), shape, dtype_) : mx::zeros(shape, dtype_);
}

mx::array Weights::take_convolution(const std::string& name, const mx::Shape& shape) {
  mx::Shape stored(shape.begin(), shape.end());
  stored.erase(stored.begin() + 1);
  stored.push_back(shape[1]);
  const auto found = places_.find(name);
  const bool fits = found != places_.end() && found->second->tensor.shape == to_stored(stored);
  if (!fits || (stored == shape && !checkpoint_.written_by_mlx())) {
    return take(name, shape);
  }
  const mx::array weight = take(name, stored);
  std::vector<int> axes{0, static_cast<int>(shape.size()) - 1};
  for (int i = 1; i + 1 < static_cast<int>(shape.size()); ++i) {
    axes.push_back(i);
  }
  return settled(mx::contiguous(mx::transpose(weight, axes)));
}

mx::array Weights::settled(mx::array&& array) const {
  if (mode_ == Mode::kRead) {
    mx::eval(array);
  }
  return std::move(array);
}

mx::array Weights::take_raised(const std::string& name, const mx::Shape& shape, float by) {
  mx::array raised = mx::add(mx::astype(take(name, shape), mx::float32), mx::array(by));
  bytes_ += Bytes(raised.size() * (sizeof(float) - mx::size_of(dtype_)));
  return settled(std::move(raised));
}

mx::array Weights::take_transposed(const std::string& name, const mx::Shape& shape) {
  return settled(mx::contiguous(mx::transpose(take(name, {shape[1], shape[0]}))));
}

void Weights::leave_out(const std::string& prefix) {
  const auto from = places_.lower_bound(prefix);
  auto to = from;
  while (to != places_.end() && to->first.starts_with(prefix)) {
    ++to;
  }
  places_.erase(from, to);
}

void Weights::finish() const {
  std::vector<std::string> unexpected;
  for (const auto& [name, entry] : places_) {
    unexpected.push_back(published_.at(name));
  }
  if (missing_.empty() && wrong_.empty() && unexpected.empty()) {
    return;
  }
  std::string message = checkpoint_.folder().string() + ": the tensors do not fit config.json";
  append_faults(message, "missing", missing_);
  append_faults(message, "wrong", wrong_);
  append_faults(message, "unexpected", unexpected);
  throw UsageError("E-WEIGHTS", message);
}

}  // namespace headroom::engine
