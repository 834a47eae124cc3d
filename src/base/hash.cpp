#include "base/hash.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <new>

namespace headroom {

namespace {

std::string hex_of(XXH128_hash_t hash) {
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

}  // namespace

std::string content_hash(std::string_view data) {
  return hex_of(XXH3_128bits(data.data(), data.size()));
}

struct Hasher::State {
  XXH3_state_t* xxh = XXH3_createState();
};

Hasher::Hasher() : state_(std::make_unique<State>()) {
  if (state_->xxh == nullptr) {
    throw std::bad_alloc();
  }
  XXH3_128bits_reset(state_->xxh);
}

Hasher::~Hasher() { XXH3_freeState(state_->xxh); }

void Hasher::update(std::string_view data) {
  XXH3_128bits_update(state_->xxh, data.data(), data.size());
}

void Hasher::update_field(std::string_view data) {
  const std::uint64_t size = data.size();
  XXH3_128bits_update(state_->xxh, &size, sizeof size);
  update(data);
}

std::string Hasher::hex() const { return hex_of(XXH3_128bits_digest(state_->xxh)); }

}  // namespace headroom
