#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/json.h"

namespace headroom::memory {

/// Members of a JSON object by name and type. All throw InputError("E-CONTRACT"), naming the object
/// and the key, for a value that is missing or of another type. Null is as good as missing, as
/// everywhere on the wire.
class JsonFields {
 public:
  /// `what` names the object in messages: "reading". Borrows both for its life.
  JsonFields(const Json& object, const char* what);

  bool has(const char* key) const {
    const auto found = object_.find(key);
    return found != object_.end() && !found->is_null();
  }

  Bytes bytes(const char* key) const { return Bytes(whole(key)); }

  /// 0 where the key is absent.
  Bytes bytes_or_none(const char* key) const { return has(key) ? bytes(key) : Bytes(); }

  bool flag_or(const char* key, bool absent) const;

  /// A whole number that is not negative.
  std::uint64_t whole(const char* key) const;
  /// The same, below 2^32.
  std::uint32_t whole32(const char* key) const;
  std::string text(const char* key) const;
  const Json& array(const char* key) const;

 private:
  const Json& member(const char* key) const;

  const Json& object_;
  const char* what_;
};

}  // namespace headroom::memory
