#include "scripted_engine.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <new>
#include <stdexcept>
#include <thread>

#include "base/errors.h"

namespace headroom::testing {

namespace {

using namespace std::chrono_literals;

constexpr auto kStep = 1ms;

void write_raw(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = ::write(fd, text.data(), text.size());
    if (put <= 0) {
      return;
    }
    text.remove_prefix(static_cast<std::size_t>(put));
  }
}

[[noreturn]] void hang() {
  while (true) {
    std::this_thread::sleep_for(1h);
  }
}

/// Takes memory page by page, as fast as the kernel gives it, up to `bytes`.
void allocate(std::size_t bytes) {
  constexpr std::size_t kChunk = std::size_t{1} << 20U;
  static std::vector<char*> held;
  for (std::size_t taken = 0; taken < bytes; taken += kChunk) {
    held.push_back(new char[kChunk]);
    std::memset(held.back(), 1, kChunk);
  }
}

[[noreturn]] void fail(const Json& action) {
  const std::string kind = action.value("kind", "backend");
  const std::string code = action.value("code", "E-SCRIPT");
  const std::string message = action.value("message", "scripted error");
  if (kind == "usage") {
    throw UsageError(code, message);
  }
  if (kind == "input") {
    throw InputError(code, message);
  }
  if (kind == "budget") {
    throw BudgetError(code, message);
  }
  throw BackendError(code, message);
}

void orphan() {
  if (::fork() == 0) {
    ::setsid();
    std::this_thread::sleep_for(20s);
    ::_exit(0);
  }
}

std::string last_text(const Conversation& conversation) {
  std::string text;
  for (const Part& part : conversation.back().parts) {
    if (part.kind == Part::Kind::kText) {
      text = part.text;
    }
  }
  return text;
}

worker::Answer answer_to(const worker::AskRequest& request, const worker::AskItem& item) {
  worker::Answer answer;
  answer.group = request.group;
  answer.id = item.id;
  for (const worker::PictureRef& picture : request.pictures) {
    if (!picture.path.empty() && !std::filesystem::exists(picture.path)) {
      answer.outcome = Outcome::kImage;
      answer.error_code = "E-IMG-MISSING";
      answer.error = fmt::format("{}: no such picture", picture.path);
      return answer;
    }
  }
  answer.outcome = Outcome::kAnswered;
  answer.text = last_text(item.conversation).substr(0, item.max_tokens);
  for (const char c : answer.text) {
    answer.token_ids.push_back(static_cast<unsigned char>(c));
    if (item.top_log_probs > 0) {
      answer.log_probs.push_back(
          {answer.token_ids.back(), -0.5, {{answer.token_ids.back(), -0.5}}});
    }
  }
  answer.stopped = answer.text.size() < item.max_tokens;
  answer.prompt_tokens = 7;
  answer.prefilled_tokens = 7;
  if (item.want_prompt) {
    answer.prompt = "User: " + answer.text;
    answer.input_ids = {1, 2, 3, 4, 5, 6, 7};
  }
  return answer;
}

}  // namespace

worker::Hello ScriptedEngine::hello() {
  play("hello");
  worker::Hello hello;
  hello.engine = "scripted";
  hello.engine_version = "1";
  hello.device = "none";
  hello.default_dtype = "float32";
  hello.capabilities = {"batch", "logprobs", "plan", "verify", "prepare"};
  hello.pid = ::getpid();
  hello.reading = reading();
  for (const Rule* rule : script_.at("hello_protocol")) {
    hello.protocol = rule->action.at("protocol").get<int>();
  }
  return hello;
}

memory::Geometry ScriptedEngine::plan(const worker::PlanRequest& request) {
  play("plan");
  if (!std::filesystem::is_directory(request.model)) {
    throw UsageError("E-MODEL-MISSING", fmt::format("{}: no such model folder", request.model));
  }
  memory::Geometry geometry;
  geometry.family = "scripted";
  geometry.dtype = request.dtype.empty() ? "float32" : request.dtype;
  geometry.weights = Bytes(1024);
  geometry.kv_per_token = Bytes(8);
  geometry.context_tokens = 4096;
  for (const worker::PictureSize& size : request.pictures) {
    memory::PictureCost cost;
    cost.width = size.width;
    cost.height = size.height;
    cost.tokens = 64;
    geometry.pictures.push_back(cost);
  }
  for (const Rule* rule : script_.at("plan_pictures")) {
    geometry.pictures.resize(rule->action.at("count").get<std::size_t>());
  }
  return geometry;
}

worker::Loaded ScriptedEngine::load(const worker::LoadRequest& request) {
  script_.note(fmt::format("load {}", script_.life()));
  play("load");
  if (!std::filesystem::is_directory(request.model)) {
    throw UsageError("E-MODEL-MISSING", fmt::format("{}: no such model folder", request.model));
  }
  model_ = request.model;
  worker::Loaded loaded;
  loaded.family = "scripted";
  loaded.dtype = "float32";
  loaded.weights = Bytes(1024);
  loaded.reading = reading();
  return loaded;
}

void ScriptedEngine::prepare(const worker::AskRequest& request) {
  script_.note("prepare " + request.group);
  play("prepare");
}

worker::AskDone ScriptedEngine::ask(const worker::AskRequest& request,
                                    const worker::AnswerSink& sink,
                                    const worker::ReadingSink& readings,
                                    const worker::CancelToken& cancel) {
  require_model();
  std::string ids;
  for (const worker::AskItem& item : request.items) {
    ids += ' ' + item.id;
  }
  const std::uint32_t chunk = request.limits.prefill_chunk;
  script_.note(fmt::format("ask {} {} batch {}{}:{}",
                           script_.life(),
                           request.group,
                           request.limits.batch,
                           chunk == 0 ? "" : fmt::format(" chunk {}", chunk),
                           ids));
  play("ask", "", &cancel);
  worker::AskDone done;
  done.group = request.group;
  bool skip = false;
  for (const worker::AskItem& item : request.items) {
    if (!skip && cancel.cancelled()) {
      throw Cancelled(fmt::format("group '{}' was cancelled", request.group));
    }
    for (const Rule* rule : script_.at("busy", item.id)) {
      for (int i = 0; i < rule->action.at("ms").get<int>() && !cancel.cancelled(); i += 10) {
        std::this_thread::sleep_for(10 * kStep);
        readings({request.group, "decode", reading()});
      }
    }
    const Deed deed = skip ? Deed::kSkipRest : play("before", item.id, &cancel);
    skip = deed == Deed::kSkipRest;
    if (skip) {
      worker::Answer answer;
      answer.group = request.group;
      answer.id = item.id;
      answer.outcome = Outcome::kSkipped;
      answer.error = "cancelled";
      ++done.failed;
      sink(std::move(answer));
      continue;
    }
    if (deed != Deed::kDrop) {
      worker::Answer answer = answer_to(request, item);
      answer.before = answer.after = reading();
      answer.rung = request.limits.kv_bits == 0 ? "" : "KV cache of 8 bits";
      ++(answer.outcome == Outcome::kAnswered ? done.answered : done.failed);
      if (deed == Deed::kTwice) {
        sink(worker::Answer(answer));
      }
      sink(std::move(answer));
    }
    play("after", item.id, &cancel);
  }
  done.reading = reading();
  return done;
}

worker::Cleaned ScriptedEngine::clean(worker::CleanLevel) {
  play("clean");
  return {reading(), reading()};
}

worker::Unloaded ScriptedEngine::unload() {
  play("unload");
  model_.reset();
  return {reading(), reading()};
}

worker::Verified ScriptedEngine::verify(const worker::VerifyRequest& request) {
  require_model();
  play("verify");
  if (!std::filesystem::exists(request.golden)) {
    throw UsageError("E-GOLDEN", fmt::format("{}: no such golden file", request.golden));
  }
  return {.max_logit_difference = 0.25, .expected_tokens = {1, 2}, .tokens = {1, 2}};
}

memory::Reading ScriptedEngine::reading() {
  memory::Reading reading;
  reading.time = std::chrono::system_clock::now();
  reading.active = model_ ? Bytes(1024) : Bytes(0);
  reading.worker_footprint = Bytes(3 << 20);
  return reading;
}

void ScriptedEngine::require_model() const {
  if (!model_) {
    throw UsageError("E-NOT-LOADED", "no model is loaded: send load first");
  }
}

ScriptedEngine::Deed ScriptedEngine::play(std::string_view moment,
                                          std::string_view item,
                                          const worker::CancelToken* cancel) {
  Deed deed = Deed::kNone;
  for (const Rule* rule : script_.at(moment, item)) {
    const Deed done = act(*rule, cancel);
    deed = done == Deed::kNone ? deed : done;
  }
  return deed;
}

ScriptedEngine::Deed ScriptedEngine::act(const Rule& rule, const worker::CancelToken* cancel) {
  const Json& action = rule.action;
  const std::string what = action.at("do").get<std::string>();
  const auto milliseconds = std::chrono::milliseconds(action.value("ms", 0));
  if (what == "exit") {
    ::_exit(action.value("status", 1));
  } else if (what == "signal") {
    ::kill(::getpid(), action.at("signal").get<int>());
    hang();
  } else if (what == "abort") {
    std::abort();
  } else if (what == "hang") {
    hang();
  } else if (what == "deaf_delay") {
    std::this_thread::sleep_for(milliseconds);
  } else if (what == "delay") {
    const auto end = std::chrono::steady_clock::now() + milliseconds;
    while (std::chrono::steady_clock::now() < end && !(cancel != nullptr && cancel->cancelled())) {
      std::this_thread::sleep_for(kStep);
    }
  } else if (what == "wait_cancel" || what == "skip_on_cancel") {
    while (!cancel->cancelled()) {
      std::this_thread::sleep_for(kStep);
    }
    return what == "skip_on_cancel" ? Deed::kSkipRest : Deed::kNone;
  } else if (what == "garbage") {
    write_raw(1, action.value("text", "this is no JSON\n"));
  } else if (what == "oversized") {
    const std::string chunk(1 << 20, 'x');
    for (int i = 0; i < 65; ++i) {
      write_raw(1, chunk);
    }
    write_raw(1, "\n");
  } else if (what == "wrong_response") {
    write_raw(1, "{\"jsonrpc\":\"2.0\",\"id\":987654,\"result\":{}}\n");
  } else if (what == "impostor") {
    write_raw(1,
              dump_json({{"jsonrpc", "2.0"},
                         {"method", "answer"},
                         {"params",
                          {{"group", action.value("group", "other")},
                           {"id", action.value("id", "other")},
                           {"outcome", "answered"},
                           {"text", "impostor"}}}}) +
                  "\n");
  } else if (what == "twice") {
    return Deed::kTwice;
  } else if (what == "drop") {
    return Deed::kDrop;
  } else if (what == "error") {
    fail(action);
  } else if (what == "bad_alloc") {
    throw std::bad_alloc();
  } else if (what == "foreign") {
    throw std::runtime_error("a foreign library's error");
  } else if (what == "allocate") {
    allocate(action.value("bytes", std::size_t{1} << 40U));
  } else if (what == "flood") {
    for (int i = 0; i < action.value("lines", 1000); ++i) {
      write_raw(1, "{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":{\"name\":\"flood\"}}\n");
    }
  } else if (what == "flood_log") {
    for (int i = 0; i < action.value("lines", 1000); ++i) {
      write_raw(2, fmt::format("log line {} {}\n", i, std::string(200, '.')));
    }
  } else if (what == "say") {
    write_raw(2, action.at("text").get<std::string>());
  } else if (what == "close_output") {
    // Something stays in its place, so that nothing else gets its number.
    ::dup2(::open("/dev/null", O_WRONLY | O_CLOEXEC), 1);
  } else if (what == "half_line") {
    write_raw(1, "{\"jsonrpc\":\"2.0\",\"method\":\"answer\",\"params\":{\"gro");
  } else if (what == "orphan") {
    orphan();
  } else {
    throw InternalError("the script knows no action '" + what + "'");
  }
  return Deed::kNone;
}

}  // namespace headroom::testing
