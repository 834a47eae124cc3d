#include "backends/server_address.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/errors.h"

namespace headroom::backends {

namespace {

constexpr std::string_view kPlain = "http://";
constexpr std::string_view kSecure = "https://";
constexpr unsigned kMostPort = 65535;

[[noreturn]] void refuse(const std::string& shown, const std::string& why) {
  throw UsageError(
      "E-SERVER-ADDRESS",
      fmt::format("{}: {}; an address looks like http://127.0.0.1:8080/v1#model", shown, why));
}

std::size_t scheme_length(std::string_view text) {
  return text.starts_with(kPlain) ? kPlain.size() : text.starts_with(kSecure) ? kSecure.size() : 0;
}

void check_port(const std::string& host, const std::string& shown) {
  const std::size_t bracket = host.rfind(']');  // of an IPv6 address
  const std::size_t colon = host.find(':', bracket == std::string::npos ? 0 : bracket);
  if (host.empty() || colon == 0) {
    refuse(shown, "it names no host");
  }
  if (colon == std::string::npos) {
    return;
  }
  const std::string port = host.substr(colon + 1);
  const bool digits =
      !port.empty() && port.size() <= 5 &&
      std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || std::stoul(port) == 0 || std::stoul(port) > kMostPort) {
    refuse(shown, fmt::format("'{}' is no port", port));
  }
}

std::string parse_endpoint(const std::string& text) {
  const std::size_t scheme = scheme_length(text);
  if (scheme == 0) {
    refuse(text, "each endpoint begins with http:// or https://");
  }
  const std::size_t slash = text.find('/', scheme);
  const std::string host = text.substr(scheme, slash == std::string::npos ? slash : slash - scheme);
  if (const std::size_t at = host.rfind('@'); at != std::string::npos) {
    refuse(text.substr(0, scheme) + "***@" + host.substr(at + 1),
           "a name or password in an address would be stored with the run; put the key into "
           "HEADROOM_API_KEY");
  }
  const bool unfit = std::any_of(
      text.begin(), text.end(), [](unsigned char c) { return c <= ' ' || c == 0x7F || c == '\\'; });
  if (unfit) {
    refuse(text, "it has a blank, a line end or a backslash in it");
  }
  check_port(host, text);
  if (const std::size_t query = text.find('?'); query != std::string::npos) {
    refuse(text.substr(0, query) + "?***", "it has a query, which would be stored with the run");
  }
  std::string endpoint = text;
  while (endpoint.ends_with('/') && endpoint.size() > scheme) {
    endpoint.pop_back();
  }
  return endpoint.find('/', scheme) == std::string::npos ? endpoint + "/v1" : endpoint;
}

}  // namespace

bool is_server_word(std::string_view word) { return scheme_length(word) > 0; }

ServerAddress parse_server_address(const std::string& word) {
  const std::size_t hash = std::min(word.find('#'), word.size());
  ServerAddress address;
  address.model = hash < word.size() ? word.substr(hash + 1) : "";
  const std::string endpoints = word.substr(0, hash);
  for (std::size_t start = 0; start <= endpoints.size();) {
    const std::size_t end = std::min(endpoints.find(',', start), endpoints.size());
    std::string endpoint = parse_endpoint(endpoints.substr(start, end - start));
    if (std::find(address.endpoints.begin(), address.endpoints.end(), endpoint) !=
        address.endpoints.end()) {
      refuse(endpoint, "it stands twice");
    }
    address.endpoints.push_back(std::move(endpoint));
    start = end + 1;
  }
  return address;
}

std::string to_string(const ServerAddress& address) {
  return fmt::format(
      "{}{}{}", fmt::join(address.endpoints, ","), address.model.empty() ? "" : "#", address.model);
}

std::string host_of(const std::string& endpoint) {
  const std::size_t scheme = scheme_length(endpoint);
  return endpoint.substr(scheme, endpoint.find('/', scheme) - scheme);
}

}  // namespace headroom::backends
