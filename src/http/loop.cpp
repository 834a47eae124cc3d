#include "http/loop.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "base/errors.h"
#include "curl_library.h"

namespace headroom::http {

namespace {

constexpr long kMostIdleConnections = 256;

using Easy = std::unique_ptr<CURL, decltype(CurlLibrary::easy_cleanup)>;
using List = std::unique_ptr<curl_slist, decltype(CurlLibrary::slist_free_all)>;

long milliseconds(Duration duration) {
  const auto count = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  return duration > Duration(0) ? std::max<long>(1, static_cast<long>(count)) : 0;
}

/// One request in flight. Its address is known to the library.
struct Transfer {
  Transfer(const CurlLibrary& curl, Easy handle)
      : easy(std::move(handle)), headers(nullptr, curl.slist_free_all) {}

  Easy easy;
  Request request;
  Response response;
  Loop::Done done;
  List headers;
  std::array<char, CURL_ERROR_SIZE> words{};
  bool too_large = false;
};

std::size_t receive(char* data, std::size_t one, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::size_t size = one * count;
  if (transfer.response.body.size() + size > transfer.request.most_bytes) {
    transfer.too_large = true;
    std::string().swap(transfer.response.body);
    return CURL_WRITEFUNC_ERROR;
  }
  try {
    transfer.response.body.append(data, size);
  } catch (const std::bad_alloc&) {
    transfer.too_large = true;
    return CURL_WRITEFUNC_ERROR;
  }
  return size;
}

bool is_loopback(const std::string& url) {
  const std::size_t start = url.find("://");
  const std::string_view rest =
      std::string_view(url).substr(start == std::string::npos ? 0 : start + 3);
  return rest.starts_with("127.") || rest.starts_with("localhost") || rest.starts_with("[::1]");
}

End end_of(CURLcode code) {
  switch (code) {
    case CURLE_OK:
      return End::kResponse;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_INTERFACE_FAILED:
      return End::kUnreachable;
    case CURLE_OPERATION_TIMEDOUT:
      return End::kTimeout;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
      return End::kCertificate;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_URL_MALFORMAT:
    case CURLE_BAD_CONTENT_ENCODING:
      return End::kNotHttp;
    default:
      return End::kBroken;
  }
}

template <typename Value>
Value info(const CurlLibrary& curl, CURL* easy, CURLINFO what) {
  Value value{};
  curl.easy_getinfo(easy, what, &value);
  return value;
}

std::string header(const CurlLibrary& curl, CURL* easy, const char* name) {
  curl_header* found = nullptr;
  return curl.easy_header(easy, name, 0, CURLH_HEADER, -1, &found) == CURLHE_OK ? found->value : "";
}

}  // namespace

class Loop::Impl {
 public:
  explicit Impl(LoopOptions options) : options_(std::move(options)) {
    if (curl_.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
      throw ResourceError("E-HTTP", "libcurl cannot be set up");
    }
    multi_ = curl_.multi_init();
    if (multi_ == nullptr) {
      curl_.global_cleanup();
      throw ResourceError("E-HTTP", "libcurl cannot be set up: no memory for its handle");
    }
    curl_.multi_setopt(multi_, CURLMOPT_MAXCONNECTS, kMostIdleConnections);
  }

  ~Impl() {
    drop_all();
    idle_.clear();
    curl_.multi_cleanup(multi_);
    curl_.global_cleanup();
  }

  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Id start(Request&& request, Done&& done) {
    auto transfer = std::make_unique<Transfer>(curl_, handle());
    transfer->request = std::move(request);
    transfer->done = std::move(done);
    set_up(*transfer);
    const Id id = ++last_id_;
    if (curl_.multi_add_handle(multi_, transfer->easy.get()) != CURLM_OK) {
      throw ResourceError("E-HTTP", "libcurl cannot take another request");
    }
    CURL* const easy = transfer->easy.get();
    ids_[easy] = id;
    transfers_[id] = std::move(transfer);
    return id;
  }

  std::size_t running() const { return transfers_.size(); }

  void drop_all() {
    for (auto& [id, transfer] : transfers_) {
      curl_.multi_remove_handle(multi_, transfer->easy.get());
    }
    ids_.clear();
    transfers_.clear();
  }

  void run(Duration most) {
    int active = 0;
    curl_.multi_perform(multi_, &active);
    if (finish() > 0) {
      return;
    }
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(std::max(most, Duration(0)));
    curl_.multi_poll(multi_,
                     nullptr,
                     0,
                     static_cast<int>(std::min<std::int64_t>(wait.count(), 60'000)),
                     nullptr);
    curl_.multi_perform(multi_, &active);
    finish();
  }

  void wake() { curl_.multi_wakeup(multi_); }

 private:
  Easy handle() {
    if (idle_.empty()) {
      Easy easy(curl_.easy_init(), curl_.easy_cleanup);
      if (!easy) {
        throw ResourceError("E-HTTP", "libcurl cannot make another handle");
      }
      return easy;
    }
    Easy easy = std::move(idle_.back());
    idle_.pop_back();
    curl_.easy_reset(easy.get());
    return easy;
  }

  void set_up(Transfer& transfer) const {
    CURL* const easy = transfer.easy.get();
    const Request& request = transfer.request;
    curl_.easy_setopt(easy, CURLOPT_URL, request.url.c_str());
    curl_.easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_.easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl_.easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
    curl_.easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_.easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer.words.data());
    curl_.easy_setopt(easy, CURLOPT_WRITEFUNCTION, receive);
    curl_.easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
    curl_.easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(request.connect_timeout));
    curl_.easy_setopt(easy, CURLOPT_TIMEOUT_MS, milliseconds(request.timeout));
    if (request.silence_timeout > Duration(0)) {
      curl_.easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
      curl_.easy_setopt(
          easy,
          CURLOPT_LOW_SPEED_TIME,
          static_cast<long>(
              std::chrono::ceil<std::chrono::seconds>(request.silence_timeout).count()));
    }
    if (is_loopback(request.url)) {
      curl_.easy_setopt(easy, CURLOPT_PROXY, "");  // whatever http_proxy says
    }
    if (!options_.ca_file.empty()) {
      curl_.easy_setopt(easy, CURLOPT_CAINFO, options_.ca_file.c_str());
    }
    curl_slist* list = curl_.slist_append(nullptr, "Expect:");  // no pause before large bodies
    for (const std::string& line : request.headers) {
      list = curl_.slist_append(list, line.c_str());
    }
    transfer.headers.reset(list);
    curl_.easy_setopt(easy, CURLOPT_HTTPHEADER, list);
    if (request.method == "POST") {
      curl_.easy_setopt(easy, CURLOPT_POST, 1L);
      curl_.easy_setopt(
          easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
      curl_.easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.data());
    }
  }

  /// Calls what has ended. Returns how many.
  std::size_t finish() {
    std::vector<std::unique_ptr<Transfer>> ended;
    int left = 0;
    while (const CURLMsg* message = curl_.multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) {
        continue;
      }
      CURL* const easy = message->easy_handle;
      const CURLcode code = message->data.result;
      const auto found = transfers_.find(ids_.at(easy));
      read_off(*found->second, code);
      curl_.multi_remove_handle(multi_, easy);
      ended.push_back(std::move(found->second));
      transfers_.erase(found);
      ids_.erase(easy);
    }
    for (const std::unique_ptr<Transfer>& transfer : ended) {
      idle_.push_back(std::move(transfer->easy));
    }
    for (const std::unique_ptr<Transfer>& transfer : ended) {
      transfer->done(std::move(transfer->response));
    }
    return ended.size();
  }

  void read_off(Transfer& transfer, CURLcode code) const {
    CURL* const easy = transfer.easy.get();
    Response& response = transfer.response;
    response.end = transfer.too_large ? End::kTooLarge : end_of(code);
    response.status = static_cast<int>(info<long>(curl_, easy, CURLINFO_RESPONSE_CODE));
    response.took = std::chrono::microseconds(info<curl_off_t>(curl_, easy, CURLINFO_TOTAL_TIME_T));
    response.first_byte =
        std::chrono::microseconds(info<curl_off_t>(curl_, easy, CURLINFO_STARTTRANSFER_TIME_T));
    if (const char* type = info<char*>(curl_, easy, CURLINFO_CONTENT_TYPE)) {
      response.content_type = type;
    }
    if (const auto after = info<curl_off_t>(curl_, easy, CURLINFO_RETRY_AFTER); after > 0) {
      response.retry_after = std::chrono::seconds(after);
    }
    response.location = header(curl_, easy, "Location");
    response.server = header(curl_, easy, "Server");
    // A time-out before there was a connection says that nobody is there.
    if (response.end == End::kTimeout &&
        info<curl_off_t>(curl_, easy, CURLINFO_PRETRANSFER_TIME_T) == 0) {
      response.end = End::kUnreachable;
    }
    if (transfer.too_large) {
      response.error = fmt::format("the answer is above {} bytes", transfer.request.most_bytes);
    } else if (code != CURLE_OK) {
      response.error =
          transfer.words[0] != '\0' ? transfer.words.data() : curl_.easy_strerror(code);
    }
  }

  LoopOptions options_;
  CurlLibrary curl_;
  CURLM* multi_ = nullptr;
  Id last_id_ = 0;
  std::map<Id, std::unique_ptr<Transfer>> transfers_;
  std::map<CURL*, Id> ids_;
  std::vector<Easy> idle_;
};

std::string library() {
  const curl_version_info_data* const info = CurlLibrary().version_info(CURLVERSION_NOW);
  return fmt::format("libcurl/{}{}{}",
                     info->version,
                     info->ssl_version == nullptr ? " without TLS" : " ",
                     info->ssl_version == nullptr ? "" : info->ssl_version);
}

std::string_view to_string(End end) {
  switch (end) {
    case End::kResponse:
      return "response";
    case End::kUnreachable:
      return "unreachable";
    case End::kBroken:
      return "broken";
    case End::kTimeout:
      return "timeout";
    case End::kCertificate:
      return "certificate";
    case End::kTooLarge:
      return "too large";
    case End::kNotHttp:
      return "not HTTP";
  }
  return "unknown";
}

Loop::Loop(LoopOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}

Loop::~Loop() = default;

Loop::Id Loop::start(Request request, Done done) {
  return impl_->start(std::move(request), std::move(done));
}

std::size_t Loop::running() const { return impl_->running(); }

void Loop::drop_all() { impl_->drop_all(); }

void Loop::run(Duration most) { impl_->run(most); }

void Loop::wake() { impl_->wake(); }

std::optional<Response> fetch(Loop& loop, Request request, const std::function<bool()>& stopped) {
  constexpr Duration kLook = std::chrono::milliseconds(50);
  std::optional<Response> result;
  loop.start(std::move(request), [&result](Response&& response) { result = std::move(response); });
  while (!result) {
    if (stopped()) {
      loop.drop_all();
      return std::nullopt;
    }
    loop.run(kLook);
  }
  return result;
}

}  // namespace headroom::http
