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

Weights::Weights(const Checkpoint& checkpoint, mx::Dtype dtype, Mode mode, const Rename& rename)
    : checkpoint_(checkpoint), dtype_(dtype), mode_(mode) {
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

void Weights::fill(const std::string& name, const std::vector<std::uint64_t>& shape, char* target) {
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
