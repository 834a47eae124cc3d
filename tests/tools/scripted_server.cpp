#include "scripted_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <csignal>
#include <stdexcept>

namespace headroom::test {

namespace {

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// By programs that tests start.
int not_inherited(int descriptor) {
  if (descriptor >= 0) {
    ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  }
  return descriptor;
}

int bound_socket(int port) {
  const int socket = not_inherited(::socket(AF_INET, SOCK_STREAM, 0));
  const int on = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  const sockaddr_in address = loopback(port);
  if (::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    ::close(socket);
    throw std::runtime_error(fmt::format("cannot bind port {}", port));
  }
  return socket;
}

int port_of(int socket) {
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  return text;
}

}  // namespace

void Connection::reply(int status,
                       std::string_view body,
                       std::string_view content_type,
                       std::string_view headers) {
  send(fmt::format("HTTP/1.1 {} x\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}\r\n",
                   status,
                   content_type,
                   body.size(),
                   headers));
  send(body);
}

/// A key and a certificate that nobody has signed but itself.
class ScriptedServer::TlsContext {
 public:
  TlsContext() : context_(SSL_CTX_new(TLS_server_method())) {
    EVP_PKEY* const key = EVP_EC_gen("P-256");
    X509* const certificate = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME* const name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(
        name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("127.0.0.1"), -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_sign(certificate, key, EVP_sha256());
    SSL_CTX_use_certificate(context_, certificate);
    SSL_CTX_use_PrivateKey(context_, key);
    X509_free(certificate);
    EVP_PKEY_free(key);
  }

  ~TlsContext() { SSL_CTX_free(context_); }

  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  SSL* session() const { return SSL_new(context_); }

 private:
  SSL_CTX* context_;
};

class ScriptedServer::Socket final : public Connection {
 public:
  Socket(int descriptor, SSL* session) : descriptor_(descriptor), session_(session) {
    const int on = 1;
    ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }

  ~Socket() override {
    close();
    if (session_ != nullptr) {
      SSL_free(session_);
    }
    if (descriptor_ >= 0) {
      ::close(descriptor_);
    }
  }

  bool begin() {
    if (session_ == nullptr) {
      return true;
    }
    SSL_set_fd(session_, descriptor_);
    return SSL_accept(session_) == 1;
  }

  bool send(std::string_view bytes) override {
    while (!bytes.empty() && open_) {
      const ssize_t sent =
          session_ != nullptr
              ? SSL_write(session_,
                          bytes.data(),
                          static_cast<int>(std::min<std::size_t>(bytes.size(), 1U << 20U)))
              : ::send(descriptor_, bytes.data(), bytes.size(), 0);
      if (sent <= 0) {
        open_ = false;
        return false;
      }
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return open_;
  }

  void reset() override {
    const linger at_once{1, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    open_ = false;
    const std::lock_guard lock(closing_);
    ::close(descriptor_);
    descriptor_ = -1;
  }

  void close() override {
    if (open_.exchange(false) && descriptor_ >= 0) {
      ::shutdown(descriptor_, SHUT_RDWR);
    }
  }

  /// From another thread: what waits in it ends.
  void interrupt() {
    const std::lock_guard lock(closing_);
    if (descriptor_ >= 0) {
      ::shutdown(descriptor_, SHUT_RDWR);
    }
  }

  bool wait_closed(std::chrono::milliseconds most) override {
    pollfd look{descriptor_, POLLIN, 0};
    if (::poll(&look, 1, static_cast<int>(most.count())) <= 0) {
      return false;
    }
    char byte = 0;
    return ::recv(descriptor_, &byte, 1, MSG_PEEK) <= 0;
  }

  bool open() const { return open_; }

  /// False: the connection ended before a whole request came.
  bool read(HttpRequest& request) {
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (!fill()) {
        return false;
      }
    }
    const std::string head = buffer_.substr(0, end + 2);
    buffer_.erase(0, end + 4);
    std::size_t line = head.find("\r\n");
    const std::string first = head.substr(0, line);
    const std::size_t space = first.find(' ');
    request.method = first.substr(0, space);
    request.path = first.substr(space + 1, first.rfind(' ') - space - 1);
    for (line += 2; line < head.size();) {
      const std::size_t next = head.find("\r\n", line);
      const std::size_t colon = head.find(':', line);
      const std::size_t value = head.find_first_not_of(' ', colon + 1);
      request.headers[lower(head.substr(line, colon - line))] = head.substr(value, next - value);
      line = next + 2;
    }
    const auto length = request.headers.find("content-length");
    const std::size_t size = length == request.headers.end() ? 0 : std::stoul(length->second);
    while (buffer_.size() < size) {
      if (!fill()) {
        return false;
      }
    }
    request.body = buffer_.substr(0, size);
    buffer_.erase(0, size);
    return true;
  }

 private:
  bool fill() {
    std::array<char, 65536> block{};
    const ssize_t got = session_ != nullptr
                            ? SSL_read(session_, block.data(), static_cast<int>(block.size()))
                            : ::recv(descriptor_, block.data(), block.size(), 0);
    if (got <= 0) {
      return false;
    }
    buffer_.append(block.data(), static_cast<std::size_t>(got));
    return true;
  }

  std::mutex closing_;  ///< a descriptor that is closed may be another's by now
  int descriptor_;
  SSL* session_;
  std::atomic<bool> open_{true};
  std::string buffer_;
};

ScriptedServer::ScriptedServer(Handler handler, Tls tls, int port) : handler_(std::move(handler)) {
  std::signal(SIGPIPE, SIG_IGN);  // a client that is gone is an error of send
  if (tls == Tls::kSelfSigned) {
    tls_ = std::make_unique<TlsContext>();
  }
  listener_ = bound_socket(port);
  port_ = port_of(listener_);
  ::listen(listener_, 128);
  acceptor_ = std::thread([this] { accept_all(); });
}

ScriptedServer::~ScriptedServer() {
  ending_ = true;
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  ::close(listener_);
  {
    const std::lock_guard lock(mutex_);
    for (const auto& socket : sockets_) {
      socket->interrupt();
    }
  }
  for (std::thread& thread : threads_) {
    thread.join();
  }
}

std::string ScriptedServer::url(std::string_view path) const {
  return fmt::format("{}://127.0.0.1:{}{}", tls_ ? "https" : "http", port_, path);
}

std::vector<HttpRequest> ScriptedServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

std::size_t ScriptedServer::connections() const {
  const std::lock_guard lock(mutex_);
  return sockets_.size();
}

void ScriptedServer::accept_all() {
  while (true) {
    const int descriptor = not_inherited(::accept(listener_, nullptr, nullptr));
    if (descriptor < 0 || ending_) {
      if (descriptor >= 0) {
        ::close(descriptor);
      }
      return;
    }
    const std::lock_guard lock(mutex_);
    Socket& socket = *sockets_.emplace_back(
        std::make_unique<Socket>(descriptor, tls_ ? tls_->session() : nullptr));
    threads_.emplace_back([this, &socket] { serve(socket); });
  }
}

void ScriptedServer::serve(Socket& socket) {
  if (!socket.begin()) {
    socket.close();
    return;
  }
  HttpRequest request;
  while (socket.open() && !ending_ && socket.read(request)) {
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
    }
    const int now = ++at_once_;
    int most = most_at_once_;
    while (now > most && !most_at_once_.compare_exchange_weak(most, now)) {
    }
    handler_(request, socket);
    --at_once_;
    request = {};
  }
  socket.close();
}

int unused_port() {
  const int socket = bound_socket(0);
  const int port = port_of(socket);
  ::close(socket);
  return port;
}

}  // namespace headroom::test
