#include "checkpoint_variant.h"

#include <fmt/format.h>

#include <fstream>
#include <set>
#include <stdexcept>

#include "base/files.h"

namespace headroom::mlx_worker::testing {
namespace {

namespace fs = std::filesystem;
using OrderedJson = nlohmann::ordered_json;

constexpr const char* kWeights = "model.safetensors";

void write_text(const fs::path& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  if (!out) {
    throw std::runtime_error("cannot write " + path.string());
  }
}

Json read_json(const fs::path& path) { return parse_json(read_file(path), path.string()); }

/// One folder in the making.
class Variant {
 public:
  Variant(fs::path folder, fs::path changes)
      : folder_(std::move(folder)),
        changes_(std::move(changes)),
        weights_(StoredFile::read(folder_ / kWeights)) {}

  void apply(const Json& op) {
    const std::string kind = op["op"];
    if (kind == "set" || kind == "delete") {
      edit(op, kind == "set");
    } else if (kind == "write") {
      write_text(path(op), op["text"]);
    } else if (kind == "remove") {
      fs::remove(path(op));
    } else if (kind == "shards") {
      shards(op);
    } else if (kind == "stray") {
      StoredFile zeros = weights_;
      for (StoredFile::Tensor& tensor : zeros.tensors) {
        tensor.bytes.assign(tensor.bytes.size(), '\0');
      }
      zeros.write(path(op));
    } else if (kind == "lfs_pointer") {
      write_text(path(op),
                 fmt::format("version https://git-lfs.github.com/spec/v1\noid sha256:{:a>64}\n"
                             "size {}\n",
                             "",
                             fs::file_size(path(op))));
    } else if (kind == "truncate") {
      const auto size = static_cast<double>(fs::file_size(path(op)));
      fs::resize_file(path(op), static_cast<std::uintmax_t>(size * op["to"].get<double>()));
    } else {
      change_tensors(op, kind);
      weights_.write(folder_ / kWeights);
    }
  }

 private:
  fs::path path(const Json& op) const { return folder_ / op["file"].get<std::string>(); }

  void edit(const Json& op, bool set) {
    Json whole = fs::exists(path(op)) ? read_json(path(op)) : Json::object();
    Json* inner = &whole;
    const auto& steps = op["path"];
    for (std::size_t i = 0; i + 1 < steps.size(); ++i) {
      inner = &(*inner)[steps[i].get<std::string>()];
    }
    const std::string last = steps.back();
    if (set) {
      (*inner)[last] = op["value"];
    } else {
      inner->erase(last);
    }
    write_text(path(op), whole.dump(1));
  }

  void change_tensors(const Json& op, const std::string& kind) {
    if (kind == "metadata") {
      weights_.metadata = op["value"];
    } else if (kind == "tensor_copy") {
      StoredFile::Tensor copy = weights_.find(op["from"]);
      copy.name = op["name"];
      weights_.tensors.push_back(std::move(copy));
    } else if (kind == "tensor_random") {
      StoredFile::Tensor random = weights_.find(op["like"]);
      random.name = op["name"];
      random.bytes = read_file(changes_.parent_path() /
                               fmt::format("random_seed{}.bf16", op["seed"].get<int>()));
      weights_.tensors.push_back(std::move(random));
    } else {
      throw std::runtime_error("unknown operation " + kind);
    }
  }

  void shards(const Json& op) {
    const auto count = op["count"].get<std::size_t>();
    std::set<std::size_t> dropped;
    if (op.contains("drop")) {
      dropped = op["drop"].get<std::set<std::size_t>>();
    }
    fs::remove(folder_ / kWeights);
    OrderedJson map = OrderedJson::object();
    for (std::size_t i = 0; i < count; ++i) {
      const std::string name = fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, count);
      StoredFile part;
      part.metadata = weights_.metadata;
      for (std::size_t t = i; t < weights_.tensors.size(); t += count) {
        part.tensors.push_back(weights_.tensors[t]);
        map[weights_.tensors[t].name] = name;
      }
      if (!dropped.contains(i + 1)) {
        part.write(folder_ / name);
      }
    }
    write_text(folder_ / "model.safetensors.index.json",
               OrderedJson{{"metadata", OrderedJson::object()}, {"weight_map", map}}.dump(1));
  }

  fs::path folder_;
  fs::path changes_;
  StoredFile weights_;
};

}  // namespace

StoredFile StoredFile::read(const fs::path& path) {
  const std::string file = read_file(path);
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    length |= std::uint64_t{static_cast<unsigned char>(file[i])} << (8 * i);
  }
  const auto header = OrderedJson::parse(file.substr(8, length));
  const std::string data = file.substr(8 + length);
  StoredFile stored;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") {
      stored.metadata = Json::parse(entry.dump());
      continue;
    }
    const auto begin = entry["data_offsets"][0].get<std::size_t>();
    const auto end = entry["data_offsets"][1].get<std::size_t>();
    stored.tensors.push_back({name,
                              entry["dtype"],
                              Json::parse(entry["shape"].dump()),
                              data.substr(begin, end - begin)});
  }
  return stored;
}

void StoredFile::write(const fs::path& path) const {
  OrderedJson header = OrderedJson::object();
  if (metadata != "absent") {
    header["__metadata__"] = OrderedJson::parse(metadata.dump());
  }
  std::string data;
  for (const Tensor& tensor : tensors) {
    header[tensor.name] = {{"dtype", tensor.dtype},
                           {"shape", tensor.shape},
                           {"data_offsets", {data.size(), data.size() + tensor.bytes.size()}}};
    data += tensor.bytes;
  }
  std::string json = header.dump();
  json.append((8 - json.size() % 8) % 8, ' ');
  std::string length(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) {
    length[i] = static_cast<char>((json.size() >> (8 * i)) & 0xFFU);
  }
  write_text(path, length + json + data);
}

StoredFile::Tensor& StoredFile::find(const std::string& name) {
  for (Tensor& tensor : tensors) {
    if (tensor.name == name) {
      return tensor;
    }
  }
  throw std::runtime_error("no tensor " + name);
}

void make_variant(const fs::path& base,
                  const fs::path& changes,
                  const std::string& variant,
                  const fs::path& out) {
  fs::create_directories(out);
  for (const auto& entry : fs::directory_iterator(base)) {
    if (entry.is_regular_file() && entry.path().filename() != "eval.json") {
      fs::copy_file(entry.path(), out / entry.path().filename());
      fs::permissions(out / entry.path().filename(), fs::perms::owner_write, fs::perm_options::add);
    }
  }
  Variant making(out, changes);
  const Json all = read_json(changes);
  for (const Json& op : all["variants"][variant]) {
    making.apply(op);
  }
}

}  // namespace headroom::mlx_worker::testing
