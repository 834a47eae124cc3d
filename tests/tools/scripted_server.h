#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace headroom::test {

struct HttpRequest {
  std::string method;
  std::string path;
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
};

/// The server's end of one connection, for a handler to behave or misbehave with.
class Connection {
 public:
  virtual ~Connection() = default;
  /// False: the other end is gone.
  virtual bool send(std::string_view bytes) = 0;
  /// Ends the connection with a reset (RST) instead of an orderly end.
  virtual void reset() = 0;
  /// Ends it in order, after what was sent.
  virtual void close() = 0;
  /// Waits until the other end has closed. False: the time went by.
  virtual bool wait_closed(std::chrono::milliseconds most) = 0;

  /// A whole response. `headers`: further lines, each with its end.
  void reply(int status,
             std::string_view body,
             std::string_view content_type = "application/json",
             std::string_view headers = "");
};

/// An HTTP/1.1 server on 127.0.0.1 that does to each request what its handler does: plain sockets,
/// since a library's server would not misbehave. One thread a connection.
class ScriptedServer {
 public:
  using Handler = std::function<void(const HttpRequest&, Connection&)>;
  enum class Tls { kNone, kSelfSigned };

  /// `port` 0: a free one.
  explicit ScriptedServer(Handler handler, Tls tls = Tls::kNone, int port = 0);
  /// Closes all connections, waits for the handlers.
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  int port() const { return port_; }

  /// "http://127.0.0.1:PORT" and `path`.
  std::string url(std::string_view path = "") const;

  /// Those that came whole, in order.
  std::vector<HttpRequest> requests() const;

  /// So far.
  std::size_t connections() const;

  /// Most handlers at work at once.
  int most_at_once() const { return most_at_once_; }

  /// For handlers that wait: the server is being ended.
  bool ending() const { return ending_; }

 private:
  class Socket;
  class TlsContext;

  void accept_all();
  void serve(Socket& socket);

  Handler handler_;
  std::unique_ptr<TlsContext> tls_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> ending_{false};
  mutable std::mutex mutex_;
  std::vector<HttpRequest> requests_;
  std::list<std::unique_ptr<Socket>> sockets_;
  std::list<std::thread> threads_;
  std::atomic<int> at_once_{0};
  std::atomic<int> most_at_once_{0};
  std::thread acceptor_;
};

/// A port that nobody listens on.
int unused_port();

}  // namespace headroom::test
