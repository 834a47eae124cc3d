#include "run/model_hash.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "backends/gguf_files.h"
#include "base/errors.h"
#include "base/folder_entries.h"
#include "base/hash.h"

namespace headroom::run {

namespace {

constexpr std::uint64_t kWhole = 64ULL << 20U;
constexpr std::uint64_t kHead = 1ULL << 20U;
constexpr std::uint64_t kBlock = 4096;
constexpr std::uint64_t kBlocks = 256;

constexpr std::array<std::string_view, 6> kKinds = {
    ".json", ".jinja", ".safetensors", ".model", ".txt", ".gguf"};

bool counts(const std::filesystem::path& file, bool code) {
  const std::string name = file.filename().string();
  if (name.starts_with(".")) {
    return false;
  }
  if (file.extension() == ".py") {
    return code;
  }
  return std::find(kKinds.begin(), kKinds.end(), file.extension().string()) != kKinds.end();
}

/// Reads as much of [offset, offset + size) as there is into the hasher.
void hash_range(Hasher& hasher,
                int file,
                std::uint64_t offset,
                std::uint64_t size,
                const std::filesystem::path& path) {
  std::array<char, 1U << 16U> buffer{};
  while (size > 0) {
    const std::size_t want = static_cast<std::size_t>(std::min<std::uint64_t>(size, buffer.size()));
    const ssize_t got = ::pread(file, buffer.data(), want, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      throw UsageError("E-MODEL-FOLDER",
                       fmt::format("{}: cannot read: {}", path.string(), std::strerror(errno)));
    }
    if (got == 0) {
      return;
    }
    hasher.update({buffer.data(), static_cast<std::size_t>(got)});
    offset += static_cast<std::uint64_t>(got);
    size -= static_cast<std::uint64_t>(got);
  }
}

std::string hash_file(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    throw UsageError("E-MODEL-FOLDER",
                     fmt::format("{}: cannot open: {}", path.string(), std::strerror(errno)));
  }
  Hasher hasher;
  try {
    const std::uint64_t size = std::filesystem::file_size(path);
    hasher.update_field(std::to_string(size));
    if (size <= kWhole) {
      hash_range(hasher, file, 0, size, path);
    } else {
      hash_range(hasher, file, 0, kHead, path);
      for (std::uint64_t i = 0; i < kBlocks; ++i) {
        const std::uint64_t offset = kHead + (size - kHead - kBlock) / (kBlocks - 1) * i;
        hash_range(hasher, file, offset, kBlock, path);
      }
    }
  } catch (const std::filesystem::filesystem_error& error) {
    ::close(file);
    throw UsageError("E-MODEL-FOLDER", fmt::format("{}: {}", path.string(), error.what()));
  } catch (...) {
    ::close(file);
    throw;
  }
  ::close(file);
  return hasher.hex();
}

std::string hash_of_all(const std::map<std::string, std::string>& files) {
  Hasher whole;
  for (const auto& [name, hash] : files) {
    whole.update_field(name);
    whole.update_field(hash);
  }
  return whole.hex();
}

}  // namespace

ModelFingerprint model_fingerprint(const std::filesystem::path& folder, bool code) {
  ModelFingerprint fingerprint;
  std::error_code error;
  const auto entries = folder_entries(folder, error);
  if (error) {
    throw UsageError(
        "E-MODEL-FOLDER",
        fmt::format("{}: cannot read the model's folder: {}", folder.string(), error.message()));
  }
  for (const auto& entry : entries) {
    std::error_code ignored;
    if (counts(entry.path(), code) && entry.is_regular_file(ignored)) {
      fingerprint.files[entry.path().filename().string()] = hash_file(entry.path());
    }
  }
  fingerprint.hash = hash_of_all(fingerprint.files);
  return fingerprint;
}

ModelFingerprint files_fingerprint(const std::vector<std::filesystem::path>& files) {
  ModelFingerprint fingerprint;
  for (const std::filesystem::path& file : files) {
    std::string name = file.filename().string();
    if (fingerprint.files.count(name) != 0) {  // of another folder
      name += fmt::format(" ({})", fingerprint.files.size() + 1);
    }
    fingerprint.files[name] = hash_file(file);
  }
  fingerprint.hash = hash_of_all(fingerprint.files);
  return fingerprint;
}

ModelFingerprint fingerprint_of(const ModelSpec& spec) {
  return spec.engine == "gguf"
             ? files_fingerprint(backends::all_files(backends::parse_gguf_files(spec.folder)))
             : model_fingerprint(spec.folder, spec.trust_remote_code);
}

}  // namespace headroom::run
