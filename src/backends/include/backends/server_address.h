#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace headroom::backends {

/// Where a model is served: "http://a:8000/v1,http://b:8000/v1#org/name".
struct ServerAddress {
  /// Each as what "/chat/completions" is put behind: "http://a:8000/v1". At least one, none twice.
  std::vector<std::string> endpoints;
  std::string model;  ///< as the server calls it; empty: the only one that it has

  bool operator==(const ServerAddress&) const = default;
};

/// Whether a word for a model is one for a server.
bool is_server_word(std::string_view word);

/// An endpoint without a path gets "/v1". Throws UsageError("E-SERVER-ADDRESS") naming what is
/// wrong: another scheme, no host, a port that is none, a name or password in it (which would be
/// stored with the run; the key comes from HEADROOM_API_KEY), a query, an endpoint twice.
ServerAddress parse_server_address(const std::string& word);

/// The opposite.
std::string to_string(const ServerAddress& address);

/// Host and port of an endpoint: "127.0.0.1:8080".
std::string host_of(const std::string& endpoint);

}  // namespace headroom::backends
