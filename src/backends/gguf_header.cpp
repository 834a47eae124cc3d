#include "gguf_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <fstream>
#include <limits>
#include <set>
#include <utility>

#include "base/errors.h"
#include "base/files.h"
#include "base/printable.h"
#include "gguf_types.h"

namespace headroom::backends {

namespace {

constexpr std::uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr std::uint64_t kMostValues = 65'536;
constexpr std::uint64_t kMostTensors = 262'144;
/// Vocabularies of a million tokens take a tenth of that.
constexpr std::uint64_t kMostHeader = 256ULL << 20U;
constexpr std::uint64_t kMostKept = 64ULL << 20U;
/// What an entry of the tables takes beside its texts and figures, about.
constexpr std::uint64_t kEntry = 128;
constexpr std::size_t kLongestShown = 200;
constexpr std::uint64_t kLongestName = 65'535;
constexpr std::uint64_t kLongestText = 1U << 20U;
constexpr std::uint64_t kLongestList = 4096;
constexpr std::uint32_t kMostSides = 4;
constexpr std::uint64_t kUsualAlignment = 32;
constexpr std::uint64_t kMostAlignment = 1U << 20U;

/// Kinds of values, by their numbers in the file.
enum Kind : std::uint32_t {
  kUint8,
  kInt8,
  kUint16,
  kInt16,
  kUint32,
  kInt32,
  kFloat32,
  kBool,
  kString,
  kArray,
  kUint64,
  kInt64,
  kFloat64,
};

/// Of numbers; 0: it is none, or not known.
std::uint64_t size_of(std::uint32_t kind) {
  constexpr std::array<std::uint64_t, 13> kSizes = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return kind < kSizes.size() ? kSizes.at(kind) : 0;
}

/// Of the file's own words.
std::string shown(std::string_view text) { return printable(text.substr(0, kLongestShown)); }

bool is_fraction(std::uint32_t kind) { return kind == kFloat32 || kind == kFloat64; }

/// What is left of a file, read in order.
class Reader {
 public:
  Reader(std::istream& stream, std::uint64_t size, const std::string& name)
      : stream_(stream), size_(size), name_(name) {}

  [[noreturn]] void refuse(const std::string& why) const {
    throw UsageError("E-GGUF", fmt::format("{}: byte {}: {}", name_, at_, why));
  }

  /// Counts what will stay in memory.
  void keep(std::uint64_t bytes) {
    kept_ += bytes;
    if (kept_ > kMostKept) {
      refuse(
          fmt::format("the header holds more than {} of names and figures: no such model is "
                      "known",
                      to_string(Bytes(kMostKept))));
    }
  }

  std::uint64_t at() const { return at_; }

  std::uint64_t left() const { return size_ - at_; }

  std::uint64_t size() const { return size_; }

  template <typename T>
  T number() {
    std::array<char, sizeof(T)> bytes{};
    take(bytes.data(), bytes.size());
    std::reverse(bytes.begin(), bytes.end());
    std::uint64_t value = 0;
    for (const char byte : bytes) {
      value = value << 8U | static_cast<unsigned char>(byte);
    }
    return static_cast<T>(value);
  }

  /// What precedes it says how long it is.
  std::string text(std::uint64_t longest, const char* what) {
    const auto length = number<std::uint64_t>();
    if (length > longest || length > left()) {
      refuse(fmt::format("{} of {} bytes; {} may be, {} are left", what, length, longest, left()));
    }
    keep(length);
    std::string value(static_cast<std::size_t>(length), '\0');
    take(value.data(), value.size());
    return value;
  }

  /// The same without keeping it.
  void pass_text() { pass(number<std::uint64_t>(), 1); }

  void pass(std::uint64_t count, std::uint64_t each) {
    if (count > left() / each) {
      refuse(fmt::format(
          "{} times {} bytes; {} are left: the file is cut off or damaged", count, each, left()));
    }
    const std::uint64_t bytes = count * each;
    check_header(bytes);
    stream_.ignore(static_cast<std::streamsize>(bytes));
    if (!stream_ || static_cast<std::uint64_t>(stream_.gcount()) != bytes) {
      refuse("cannot be read");
    }
    at_ += bytes;
  }

 private:
  void check_header(std::uint64_t more) const {
    if (more > kMostHeader - std::min(at_, kMostHeader)) {
      refuse(fmt::format("a header of more than {}: no such model is known",
                         to_string(Bytes(kMostHeader))));
    }
  }

  void take(char* into, std::uint64_t count) {
    check_header(count);
    if (count > left()) {
      refuse(
          fmt::format("{} bytes more are needed, {} are left: the file is cut off", count, left()));
    }
    stream_.read(into, static_cast<std::streamsize>(count));
    if (!stream_) {
      refuse("cannot be read");
    }
    at_ += count;
  }

  std::istream& stream_;
  std::uint64_t size_;
  const std::string& name_;
  std::uint64_t at_ = 0;
  std::uint64_t kept_ = 0;
};

std::int64_t whole_number(Reader& reader, std::uint32_t kind) {
  switch (kind) {
    case kInt8:
      return static_cast<std::int8_t>(reader.number<std::uint8_t>());
    case kInt16:
      return static_cast<std::int16_t>(reader.number<std::uint16_t>());
    case kUint16:
      return reader.number<std::uint16_t>();
    case kInt32:
      return static_cast<std::int32_t>(reader.number<std::uint32_t>());
    case kUint32:
      return reader.number<std::uint32_t>();
    case kUint64:
    case kInt64: {
      const auto value = reader.number<std::uint64_t>();
      constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
      // Above that it would be no count of anything.
      return kind == kInt64 ? static_cast<std::int64_t>(value)
                            : static_cast<std::int64_t>(std::min(value, kMost));
    }
    default:
      return reader.number<std::uint8_t>();
  }
}

double fraction(Reader& reader, std::uint32_t kind) {
  return kind == kFloat32
             ? static_cast<double>(std::bit_cast<float>(reader.number<std::uint32_t>()))
             : std::bit_cast<double>(reader.number<std::uint64_t>());
}

GgufList read_list(Reader& reader) {
  const auto kind = reader.number<std::uint32_t>();
  GgufList list;
  list.length = reader.number<std::uint64_t>();
  if (kind == kString) {
    if (list.length > reader.left() / sizeof(std::uint64_t)) {
      reader.refuse(
          fmt::format("a list of {} texts; {} bytes are left", list.length, reader.left()));
    }
    for (std::uint64_t i = 0; i < list.length; ++i) {
      reader.pass_text();
    }
    return list;
  }
  const std::uint64_t each = size_of(kind);
  if (each == 0) {
    reader.refuse(fmt::format("a list of kind {}, which no list is of", kind));
  }
  if (is_fraction(kind) || list.length > kLongestList) {
    reader.pass(list.length, each);
    return list;
  }
  reader.keep(list.length * sizeof(std::int64_t));
  for (std::uint64_t i = 0; i < list.length; ++i) {
    list.whole.push_back(whole_number(reader, kind));
  }
  return list;
}

GgufValue read_value(Reader& reader) {
  const auto kind = reader.number<std::uint32_t>();
  if (kind == kString) {
    return reader.text(kLongestText, "a text");
  }
  if (kind == kArray) {
    return read_list(reader);
  }
  if (is_fraction(kind)) {
    return fraction(reader, kind);
  }
  if (size_of(kind) == 0) {
    reader.refuse(fmt::format("a value of kind {}, which is not known", kind));
  }
  return whole_number(reader, kind);
}

void check_beginning(Reader& reader, GgufHeader& header) {
  if (reader.number<std::uint32_t>() != kMagic) {
    reader.refuse("not a GGUF file: it does not begin with GGUF");
  }
  header.version = reader.number<std::uint32_t>();
  if (header.version != 2 && header.version != 3) {
    reader.refuse(
        fmt::format("GGUF version {}; versions 2 and 3 are read{}",
                    header.version,
                    (header.version & 0xFFFFU) == 0 ? " (its bytes are in the other order)" : ""));
  }
}

/// Elements, or a refusal where they are too many to be counted.
std::uint64_t checked_elements(const Reader& reader, const GgufTensor& tensor) {
  std::uint64_t elements = 1;
  for (const std::uint64_t side : tensor.sides) {
    if (side != 0 && elements > std::numeric_limits<std::uint64_t>::max() / side) {
      reader.refuse(fmt::format("tensor '{}' has too many elements", shown(tensor.name)));
    }
    elements *= side;
  }
  return elements;
}

/// Of a type that is known; else 0, and the bytes up to the next tensor are taken.
std::uint64_t bytes_of(const Reader& reader, const GgufTensor& tensor) {
  const std::uint64_t elements = checked_elements(reader, tensor);
  const GgufType* const type = find_gguf_type(tensor.type);
  if (type == nullptr) {
    return 0;
  }
  const std::uint64_t row = tensor.sides.empty() ? 1 : tensor.sides.front();
  if (row % type->elements != 0) {
    reader.refuse(fmt::format("tensor '{}' has rows of {}, which {} does not divide ({})",
                              shown(tensor.name),
                              row,
                              type->elements,
                              type->name));
  }
  const std::uint64_t blocks = elements / type->elements;
  if (blocks > reader.size() / type->bytes) {
    reader.refuse(fmt::format(
        "tensor '{}' of {} elements is larger than the file", shown(tensor.name), elements));
  }
  return blocks * type->bytes;
}

GgufTensor read_tensor(Reader& reader) {
  reader.keep(kEntry);
  GgufTensor tensor;
  tensor.name = reader.text(kLongestName, "a tensor's name");
  const auto sides = reader.number<std::uint32_t>();
  if (sides > kMostSides) {
    reader.refuse(fmt::format("tensor '{}' has {} dimensions; at most {} are known",
                              shown(tensor.name),
                              sides,
                              kMostSides));
  }
  for (std::uint32_t i = 0; i < sides; ++i) {
    tensor.sides.push_back(reader.number<std::uint64_t>());
  }
  tensor.type = reader.number<std::uint32_t>();
  tensor.offset = reader.number<std::uint64_t>();
  tensor.bytes = Bytes(bytes_of(reader, tensor));
  return tensor;
}

std::uint64_t alignment_of(const Reader& reader, const GgufHeader& header) {
  const std::uint64_t alignment = header.count("general.alignment").value_or(kUsualAlignment);
  if (alignment == 0 || alignment > kMostAlignment || !std::has_single_bit(alignment)) {
    reader.refuse(fmt::format(
        "general.alignment is {}, which is no power of two up to {}", alignment, kMostAlignment));
  }
  return alignment;
}

/// Tensors lie in the data, each from an aligned place on, and none in another. One of a type that
/// is not known gets the bytes up to the next.
void place_tensors(const Reader& reader, GgufHeader& header, std::uint64_t alignment) {
  const std::uint64_t data = reader.size() - header.data_begin;
  std::vector<GgufTensor*> order;
  for (GgufTensor& tensor : header.tensors) {
    order.push_back(&tensor);
  }
  std::sort(order.begin(), order.end(), [](const GgufTensor* a, const GgufTensor* b) {
    return std::pair(a->offset, a->bytes) < std::pair(b->offset, b->bytes);
  });
  for (std::size_t i = 0; i < order.size(); ++i) {
    GgufTensor& tensor = *order[i];
    const std::uint64_t end = i + 1 < order.size() ? std::min(order[i + 1]->offset, data) : data;
    if (tensor.offset % alignment != 0 || tensor.offset > data ||
        tensor.bytes.count() > end - std::min(end, tensor.offset)) {
      reader.refuse(
          fmt::format("tensor '{}' at {} with {} bytes does not lie within the {} bytes of "
                      "data beside the others: the file is cut off or damaged",
                      shown(tensor.name),
                      tensor.offset,
                      tensor.bytes.count(),
                      data));
    }
    if (find_gguf_type(tensor.type) == nullptr) {
      tensor.bytes = Bytes(end - tensor.offset);
    }
  }
}

}  // namespace

std::uint64_t GgufTensor::elements() const {
  std::uint64_t elements = 1;
  for (const std::uint64_t side : sides) {
    elements *= side;
  }
  return elements;
}

std::optional<std::uint32_t> GgufHeader::count(const std::string& key) const {
  const auto found = values.find(key);
  const auto* const value =
      found == values.end() ? nullptr : std::get_if<std::int64_t>(&found->second);
  if (value == nullptr || *value < 0 || *value > std::numeric_limits<std::uint32_t>::max()) {
    return std::nullopt;
  }
  return static_cast<std::uint32_t>(*value);
}

std::optional<std::string> GgufHeader::text(const std::string& key) const {
  const auto found = values.find(key);
  const auto* const value =
      found == values.end() ? nullptr : std::get_if<std::string>(&found->second);
  return value == nullptr ? std::nullopt : std::optional(shown(*value));
}

const GgufList* GgufHeader::list(const std::string& key) const {
  const auto found = values.find(key);
  return found == values.end() ? nullptr : std::get_if<GgufList>(&found->second);
}

Bytes GgufHeader::weights() const {
  Bytes sum;
  for (const GgufTensor& tensor : tensors) {
    sum += tensor.bytes;
  }
  return sum;
}

std::uint64_t GgufHeader::parameters() const {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t sum = 0;
  for (const GgufTensor& tensor : tensors) {
    const std::uint64_t one = tensor.elements();
    sum = one > kMost - sum ? kMost : sum + one;
  }
  return sum;
}

std::string GgufHeader::main_type() const {
  std::map<std::uint32_t, Bytes> bytes;
  for (const GgufTensor& tensor : tensors) {
    bytes[tensor.type] += tensor.bytes;
  }
  const auto most = std::max_element(
      bytes.begin(), bytes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == bytes.end() ? "" : gguf_type_name(most->first);
}

std::string gguf_type_name(std::uint32_t type) {
  const GgufType* const found = find_gguf_type(type);
  return found == nullptr ? fmt::format("type {}", type) : std::string(found->name);
}

GgufHeader parse_gguf_header(std::istream& stream, std::uint64_t size, const std::string& name) {
  Reader reader(stream, size, name);
  GgufHeader header;
  check_beginning(reader, header);
  const auto tensors = reader.number<std::uint64_t>();
  const auto values = reader.number<std::uint64_t>();
  if (tensors > kMostTensors || values > kMostValues) {
    reader.refuse(fmt::format("{} tensors and {} values; at most {} and {} are read",
                              tensors,
                              values,
                              kMostTensors,
                              kMostValues));
  }
  for (std::uint64_t i = 0; i < values; ++i) {
    reader.keep(kEntry);
    std::string key = reader.text(kLongestName, "a key");
    GgufValue value = read_value(reader);
    if (!header.values.emplace(key, std::move(value)).second) {
      reader.refuse(fmt::format("key '{}' stands twice", shown(key)));
    }
  }
  std::set<std::string> names;
  for (std::uint64_t i = 0; i < tensors; ++i) {
    header.tensors.push_back(read_tensor(reader));
    if (!names.insert(header.tensors.back().name).second) {
      reader.refuse(fmt::format("tensor '{}' stands twice", shown(header.tensors.back().name)));
    }
  }
  const std::uint64_t alignment = alignment_of(reader, header);
  const std::uint64_t begin = (reader.at() + alignment - 1) / alignment * alignment;
  if (begin > size && tensors > 0) {
    reader.refuse("the file ends before its data");
  }
  header.data_begin = std::min(begin, size);
  place_tensors(reader, header, alignment);
  return header;
}

GgufHeader read_gguf_header(const std::filesystem::path& file) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(file, error);
  std::ifstream stream(file, std::ios::binary);
  if (error || !stream) {
    throw UsageError("E-GGUF",
                     fmt::format("{}: cannot be read: {}",
                                 file.string(),
                                 error ? error.message() : std::string("not allowed")));
  }
  return parse_gguf_header(stream, size, file.string());
}

}  // namespace headroom::backends
