#include "curl_library.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <string>

#include "base/errors.h"

namespace headroom::http {
namespace {

#ifdef __APPLE__
constexpr const char* kLibrary = "libcurl.4.dylib";
#else
constexpr const char* kLibrary = "libcurl.so.4";
#endif

std::string why() {
  const char* const words = ::dlerror();
  return words == nullptr ? "the system does not say why" : words;
}

void* open_library() {
  void* const library = ::dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    throw BackendError("E-HTTP",
                       fmt::format("{} cannot be loaded, and servers are asked through it: {}; "
                                   "install libcurl 7.85 or newer",
                                   kLibrary,
                                   why()));
  }
  return library;
}

/// Finds functions by the names in their declarations.
class Symbols {
 public:
  explicit Symbols(void* library) : library_(library) {}

  template <typename Function>
  void find(Function*& function, const char* name) const {
    function = reinterpret_cast<Function*>(::dlsym(library_, name));
    if (function == nullptr) {
      throw BackendError(
          "E-HTTP", fmt::format("{} has no {}; install libcurl 7.85 or newer", kLibrary, name));
    }
  }

 private:
  void* library_;
};

}  // namespace

CurlLibrary::CurlLibrary() {
  const Symbols symbols(open_library());
  symbols.find(version_info, "curl_version_info");
  symbols.find(global_init, "curl_global_init");
  symbols.find(global_cleanup, "curl_global_cleanup");
  symbols.find(slist_append, "curl_slist_append");
  symbols.find(slist_free_all, "curl_slist_free_all");
  symbols.find(easy_init, "curl_easy_init");
  symbols.find(easy_cleanup, "curl_easy_cleanup");
  symbols.find(easy_reset, "curl_easy_reset");
  symbols.find(easy_setopt, "curl_easy_setopt");
  symbols.find(easy_getinfo, "curl_easy_getinfo");
  symbols.find(easy_header, "curl_easy_header");
  symbols.find(easy_strerror, "curl_easy_strerror");
  symbols.find(multi_init, "curl_multi_init");
  symbols.find(multi_cleanup, "curl_multi_cleanup");
  symbols.find(multi_setopt, "curl_multi_setopt");
  symbols.find(multi_add_handle, "curl_multi_add_handle");
  symbols.find(multi_remove_handle, "curl_multi_remove_handle");
  symbols.find(multi_perform, "curl_multi_perform");
  symbols.find(multi_poll, "curl_multi_poll");
  symbols.find(multi_wakeup, "curl_multi_wakeup");
  symbols.find(multi_info_read, "curl_multi_info_read");
}

}  // namespace headroom::http
