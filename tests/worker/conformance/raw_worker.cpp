#include "raw_worker.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "pipe_io.h"
#include "rpc.h"

namespace headroom::conformance {

RawWorker::RawWorker(const worker::WorkerCommand& command, std::chrono::seconds patience)
    : patience_(patience), child_(command) {}

void RawWorker::send_line(const std::string& line) {
  if (!worker::write_all(child_.input(), line + "\n")) {
    throw std::runtime_error("the worker closed its input");
  }
}

int RawWorker::request(const std::string& method, const Json& params) {
  const int id = ++last_id_;
  worker::write_all(child_.input(), worker::request_line(id, method, params));
  return id;
}

void RawWorker::notify(const std::string& method, const Json& params) {
  worker::write_all(child_.input(), worker::notification_line(method, params));
}

Json RawWorker::response(int id) {
  while (!responses_.contains(id)) {
    pump();
  }
  return responses_[id];
}

Json RawWorker::call(const std::string& method, const Json& params) {
  return response(request(method, params));
}

Json RawWorker::response_without_id() {
  while (without_id_.empty()) {
    pump();
  }
  Json first = without_id_.front();
  without_id_.erase(without_id_.begin());
  return first;
}

const std::vector<Json>& RawWorker::answers(std::size_t at_least) {
  while (answers_.size() < at_least) {
    pump();
  }
  return answers_;
}

worker::ExitState RawWorker::wait_exit() {
  const auto state = child_.wait_exit(patience_, clock_);
  if (!state) {
    throw std::runtime_error("the worker did not end");
  }
  return *state;
}

void RawWorker::pump() {
  std::array<pollfd, 2> watched{{{child_.output(), POLLIN, 0}, {child_.error(), POLLIN, 0}}};
  const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(patience_);
  if (::poll(watched.data(), watched.size(), static_cast<int>(limit.count())) == 0) {
    throw std::runtime_error(fmt::format("no word from the worker for {} s", patience_.count()));
  }
  std::array<char, 65536> bytes;
  if (const ssize_t got = ::read(child_.error(), bytes.data(), bytes.size()); got > 0) {
    std::fwrite(bytes.data(), 1, static_cast<std::size_t>(got), stderr);
  }
  const ssize_t got = ::read(child_.output(), bytes.data(), bytes.size());
  if (got == 0) {
    throw std::runtime_error("the worker closed its output");
  }
  lines_.append(std::string_view(bytes.data(), got > 0 ? static_cast<std::size_t>(got) : 0));
  while (const auto line = lines_.next()) {
    const Json message = worker::parse_message(line->text, "the worker's line");
    if (!message.is_object() || message.value("jsonrpc", "") != "2.0") {
      throw std::runtime_error("not a JSON-RPC 2.0 message: " + line->text.substr(0, 200));
    }
    if (message.contains("method")) {
      if (message["method"] == "answer") {
        answers_.push_back(message.at("params"));
      }
    } else if (message.contains("id") && message["id"].is_number_integer()) {
      responses_[message["id"].get<int>()] = message;
    } else {
      without_id_.push_back(message);
    }
  }
}

}  // namespace headroom::conformance
