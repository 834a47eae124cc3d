#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "backends/server_backend.h"
#include "chat_request.h"
#include "endpoint.h"
#include "http/loop.h"
#include "server_failure.h"
#include "server_group.h"
#include "server_identity.h"

namespace headroom::backends {

/// The headers of every request: type, and the key where there is one.
std::vector<std::string> server_headers(const ServerOptions& options);

/// "http://host:port" of "http://host:port/v1": where llama.cpp and vLLM tell the rest.
std::string root_of(const std::string& endpoint);

/// `text` without the key, whoever quotes it.
std::string without_key(std::string text, const ServerOptions& options);

/// Asks groups of questions at a server's endpoints, many at once, in a thread of its own.
/// Thread: the members may be called from one thread, `interrupt` from any.
class ServerDesk {
 public:
  using Group = std::shared_ptr<ServerGroup>;

  /// What is known of an endpoint before anything is asked.
  struct Place {
    std::string endpoint;
    std::uint32_t slots = 1;
    bool there = true;  ///< else it is looked at later
  };

  /// `model`: as requests name it. Borrows the rest for its life.
  ServerDesk(std::vector<Place> places,
             std::string model,
             const ServerOptions& options,
             Clock& clock,
             Log& log);
  ~ServerDesk();
  ServerDesk(const ServerDesk&) = delete;
  ServerDesk& operator=(const ServerDesk&) = delete;

  /// Of all endpoints that are not taken out.
  std::uint32_t slots() const;

  /// Begins to ask it, behind those that are asked already, or in front of them. Nothing when the
  /// server was given up.
  void add(Group group, bool in_front);

  /// The group's next answer. Empty: `stopped`, or all of them were taken. Throws BackendError
  /// when the server was given up and nothing is left to take.
  std::optional<worker::Answer> wait(ServerGroup& group, const std::atomic<bool>& stopped);

  /// Closes the connections of everything in flight and forgets all groups, and that the server was
  /// given up.
  void drop_all();

  /// Lets a wait look at what it was given to stop by.
  void interrupt();

 private:
  /// The least loaded endpoint that may be asked, other than `except` if there is one.
  std::optional<std::size_t> free_endpoint(TimePoint now, std::optional<std::size_t> except);
  /// Where the group's question would go now; empty: nowhere. `left_over`: into a slot that no
  /// group waits for.
  std::optional<std::size_t> endpoint_for(const ServerGroup& group,
                                          const ServerQuestion& question,
                                          bool left_over,
                                          TimePoint now);

  void work();
  Duration work_once();
  void start_questions(TimePoint now);
  void start_looks(TimePoint now);
  void start(const Group& group, ServerQuestion& question, std::size_t endpoint);
  Duration time_to_wait(TimePoint now) const;
  void finish(const Group& group,
              ServerQuestion& question,
              std::size_t endpoint,
              const http::Response& response);
  void fail(const Group& group,
            ServerQuestion& question,
            std::size_t endpoint,
            Failure failure,
            Duration took);
  void try_again(const Group& group,
                 ServerQuestion& question,
                 std::size_t endpoint,
                 const Failure& failure);
  void finish_look(std::size_t endpoint, const http::Response& response);
  /// Asks a child whether it lives, on which the question's end depends.
  void ask_health(const Group& group,
                  ServerQuestion& question,
                  std::size_t endpoint,
                  const Failure& failure);
  void settle(const Group& group, ServerQuestion& question, worker::Answer&& answer);
  void note_missing(std::size_t endpoint, const std::string& why);
  void take_out(std::size_t endpoint, const Failure& failure);
  void check_patience(TimePoint now);
  /// No group is asked any more; what is in flight is dropped.
  void give_up(const std::string& code, const std::string& why);
  Duration pause_after(int attempts);

  const ServerOptions& options_;
  Clock& clock_;
  Log& log_;
  std::string model_;
  http::Loop loop_;  ///< the thread's, but for `wake`

  mutable std::mutex mutex_;  ///< all of the following
  std::condition_variable changed_;
  std::vector<Endpoint> endpoints_;
  std::deque<Group> groups_;  ///< not settled, in the order of their turns
  std::optional<TimePoint> nobody_since_;
  std::string last_words_;  ///< why nobody is there
  int failures_ = 0;        ///< settled in a row without an answer
  std::exception_ptr given_up_;
  LimitName limit_ = LimitName::kMaxTokens;  ///< what the model takes, as far as it has said
  bool drop_ = false;
  bool ending_ = false;
  std::minstd_rand jitter_{1};  // NOLINT(cert-msc51-cpp): the same in each run
  std::thread thread_;
};

}  // namespace headroom::backends
