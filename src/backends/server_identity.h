#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace headroom::backends {

/// What a server says of itself. What it does not say is empty.
struct ServerIdentity {
  std::string software;             ///< "llama.cpp b11434-abc", "vLLM 0.11"; or header Server
  std::string model;                ///< the one that is asked
  std::vector<std::string> models;  ///< all that it lists; empty: it lists none
  std::optional<bool> vision;
  std::optional<std::uint32_t> context_tokens;  ///< of one question
  std::optional<std::uint32_t> slots;           ///< requests that it works on together
  std::uint64_t parameters = 0;
};

/// Out of GET /models: which models there are, and what it says of the one that is wanted (empty:
/// the only one). A null list: the server has none, nothing can be checked. Throws
/// UsageError("E-SERVER-MODEL") listing the models when the wanted one is not among them, or none
/// is wanted and there are several.
ServerIdentity identify(const Json& list, const std::string& wanted, const std::string& endpoint);

/// Adds what llama.cpp's server says in GET /props; ignores what others may say there.
void add_props(ServerIdentity& identity, const Json& props);

/// Adds what GET /version says, where the software is not known by its own name and number.
void add_version(ServerIdentity& identity, const Json& version);

/// "llama.cpp b11434; model m (of 3); takes pictures; context 4,096 tokens; 2 slots".
std::string to_string(const ServerIdentity& identity);

}  // namespace headroom::backends
