#include "checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/outcome.h"
#include "worker/messages.h"

namespace headroom::conformance {

namespace {

using worker::Answer;
using worker::AskDone;
using worker::AskRequest;

void require(bool holds, const std::string& otherwise) {
  if (!holds) {
    throw Broken(otherwise);
  }
}

const Json& result_of(const Json& response) {
  require(response.contains("result"), "expected a result, got " + dump_json(response));
  return response["result"];
}

void require_error(const Json& response, int code, const std::string& kind = "") {
  require(response.contains("error"), "expected an error, got " + dump_json(response));
  const Json& error = response["error"];
  require(error.value("code", 0) == code,
          fmt::format("expected error code {}, got {}", code, dump_json(error)));
  require(error.contains("data"), "an error needs data: " + dump_json(error));
  const auto remote = worker::from_json<worker::RemoteError>(error["data"]);
  static const std::set<std::string> kKinds = {
      "usage", "input", "budget", "resource", "backend", "cancelled", "internal"};
  require(kKinds.contains(remote.kind), "no such kind of error: " + remote.kind);
  require(kind.empty() || remote.kind == kind,
          fmt::format("expected an error of kind {}, got {}", kind, dump_json(error)));
  require(!remote.code.empty() && !remote.message.empty(), "an error needs a code and a message");
}

AskRequest group_of(const Subject& subject, const std::string& name, int items) {
  AskRequest request;
  request.group = name;
  if (!subject.picture.empty()) {
    request.pictures.push_back({subject.picture, "", "picture"});
  }
  for (int i = 1; i <= items; ++i) {
    worker::AskItem item;
    item.id = fmt::format("{}-{}", name, i);
    Message message{"user", {}};
    if (!subject.picture.empty()) {
      message.parts.push_back(Part::of_image(0));
    }
    message.parts.push_back(Part::of_text(fmt::format("What is thing number {}?", i)));
    item.conversation = {message};
    item.max_tokens = 8;
    request.items.push_back(item);
  }
  return request;
}

void load(RawWorker& worker, const Subject& subject) {
  const auto loaded = worker::from_json<worker::Loaded>(
      result_of(worker.call("load", to_json(worker::LoadRequest{.model = subject.model}))));
  require(!loaded.family.empty(), "loaded.family is empty");
}

/// Asks a group and gives its answers, each item's once.
std::vector<Answer> ask(RawWorker& worker, const AskRequest& request) {
  const std::size_t before = worker.answers().size();
  const Json response = worker.call("ask", to_json(request));
  const auto done = worker::from_json<AskDone>(result_of(response));
  std::vector<Answer> answers;
  std::multiset<std::string> ids;
  for (std::size_t i = before; i < worker.answers().size(); ++i) {
    answers.push_back(worker::from_json<Answer>(worker.answers()[i]));
    require(answers.back().group == request.group, "an answer names another group");
    ids.insert(answers.back().id);
  }
  for (const worker::AskItem& item : request.items) {
    require(ids.count(item.id) == 1,
            fmt::format("item {} has {} answers before the response", item.id, ids.count(item.id)));
  }
  const auto answered = std::count_if(answers.begin(), answers.end(), [](const Answer& answer) {
    return answer.outcome == Outcome::kAnswered;
  });
  require(answers.size() == request.items.size(), "there are answers that nobody asked for");
  require(done.group == request.group, "the response names another group");
  require(done.answered == answered && done.answered + done.failed == answers.size(),
          "the response miscounts the answers");
  return answers;
}

void require_answered(const std::vector<Answer>& answers) {
  for (const Answer& answer : answers) {
    require(answer.outcome == Outcome::kAnswered,
            fmt::format("{} ended as {}: {}", answer.id, to_string(answer.outcome), answer.error));
    require(answer.error.empty(), "an answered item has an error");
  }
}

// ---- the checks

void says_hello(const Subject& subject) {
  RawWorker worker(subject.command, subject.patience);
  const auto hello =
      worker::from_json<worker::Hello>(result_of(worker.call("hello", {{"protocol", 1}})));
  require(hello.protocol == worker::kProtocolVersion, "hello.protocol is not 1");
  require(!hello.engine.empty() && !hello.device.empty() && hello.pid > 0,
          "hello lacks engine, device or pid");
}

void plans_without_loading(const Subject& subject) {
  RawWorker worker(subject.command, subject.patience);
  const worker::PlanRequest request{.model = subject.model, .pictures = {{64, 64}, {640, 480}}};
  const memory::Geometry geometry =
      memory::geometry_from_json(result_of(worker.call("plan", to_json(request))));
  require(geometry.weights > Bytes(0), "the plan knows no weights");
  require(geometry.pictures.size() == 2, "the plan must cost each picture, in their order");
  require(geometry.pictures[1].width == 640, "the plan's second picture is another");
  require_error(worker.call("ask", to_json(group_of(subject, "g", 1))), -32000, "usage");
}

void refuses_a_model_that_is_not_there(const Subject& subject) {
  RawWorker worker(subject.command, subject.patience);
  const Json params = {{"model", subject.model + "/no/such/folder"}};
  require_error(worker.call("load", params), -32000, "usage");
  require_error(worker.call("plan", params), -32000, "usage");
  load(worker, subject);
}

void answers_each_item_once(const Subject& subject) {
  RawWorker worker(subject.command, subject.patience);
  load(worker, subject);
  require_answered(ask(worker, group_of(subject, "one", 1)));
  require_answered(ask(worker, group_of(subject, "five", 5)));
  AskRequest empty = group_of(subject, "none", 0);
  require(ask(worker, empty).empty(), "a group without items has no answers");
}

void answers_alike_one_by_one(const Subject& subject) {
  RawWorker worker(subject.command, subject.patience);
  load(worker, subject);
  AskRequest request = group_of(subject, "g", 4);
  const auto ids_of = [&](std::uint32_t batch) {
    request.limits.batch = batch;
    std::map<std::string, std::vector<std::int32_t>> ids;
    for (const Answer& answer : ask(worker, request)) {
      ids[answer.id] = answer.token_ids;
    }
    return ids;
  };
  require(ids_of(0) == ids_of(1), "batched and one by one differ");
}

void keeps_the_order_one_by_one(const Subject& subject) {
  RawWorker worker(subject.command, subject.patience);
  load(worker, subject);
  AskRequest request = group_of(subject, "g", 4);
  request.limits.batch = 1;
  const std::vector<Answer> answers = ask(worker, request);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    require(answers[i].id == request.items[i].id,
            "with a batch of 1, answers must come in the items' order");
  }
}

void gives_what_was_wanted(const Subject& subject) {
  RawWorker worker(subject.command, subject.patience);
  load(worker, subject);
  AskRequest request = group_of(subject, "g", 2);
  request.items[0].want_prompt = true;
  request.items[0].top_log_probs = 2;
  std::vector<Answer> answers = ask(worker, request);
  std::sort(
      answers.begin(), answers.end(), [](const Answer& a, const Answer& b) { return a.id < b.id; });
  require_answered(answers);
  require(!answers[0].prompt.empty() && !answers[0].input_ids.empty(),
          "prompt and input ids were wanted");
  require(answers[1].prompt.empty() && answers[1].log_probs.empty(),
          "prompt and log-probabilities were not wanted");
  require(answers[0].log_probs.size() == answers[0].token_ids.size(),
          "there must be log-probabilities for each generated token");
}

/// Lower rungs that keep answers must keep them; those that change answers must be named with them.
void says_what_it_reduced(const Subject& subject) {
  RawWorker worker(subject.command, subject.patience);
  load(worker, subject);
  AskRequest request = group_of(subject, "g", 2);
  const auto by_id = [&] {
    std::map<std::string, Answer> answers;
    for (Answer& answer : ask(worker, request)) {
      require_answered({answer});
      answers[answer.id] = std::move(answer);
    }
    return answers;
  };
  const auto as_one = [](const std::map<std::string, Answer>& a,
                         const std::map<std::string, Answer>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
      return x.first == y.first && x.second.token_ids == y.second.token_ids;
    });
  };
  const auto whole = by_id();
  require(whole.begin()->second.rung.empty(), "nothing was reduced, and the rung is not empty");
  request.limits.release_vision = true;
  require(as_one(by_id(), whole), "releasing the vision tower changes answers");
  require(as_one(by_id(), whole), "an encode after a release changes answers");
  request.limits = {};
  require(as_one(by_id(), whole), "what was released is not held again");
  request.limits.max_tiles = 1;
  request.limits.kv_bits = 8;
  const auto reduced = by_id();
  require(as_one(reduced, whole) || !reduced.begin()->second.rung.empty(),
          "answers were changed by limits, and their rung is empty");
  Json odd = to_json(request);
  odd["limits"]["kv_bits"] = 5;
  require_error(worker.call("ask", odd), -32602);
}

/// Asked with `hold` or without, one turn after the other or after something else between them.
void holds_a_turn_for_the_next(const Subject& subject) {
  RawWorker worker(subject.command, subject.patience);
  load(worker, subject);
  std::vector<AskRequest> turns = {group_of(subject, "turn", 1)};
  std::vector<std::vector<std::int32_t>> cold;
  std::vector<std::uint32_t> tokens;
  for (int i = 0; i < 3; ++i) {
    const Answer answer = ask(worker, turns.back()).front();
    require(answer.outcome == Outcome::kAnswered, "not answered: " + answer.error);
    cold.push_back(answer.token_ids);
    tokens.push_back(answer.prefilled_tokens);
    AskRequest next = turns.back();
    next.items.front().conversation.push_back({"assistant", {Part::of_text(answer.text)}});
    next.items.front().conversation.push_back({"user", {Part::of_text("And what else?")}});
    turns.push_back(next);
  }
  for (const char* between : {"nothing", "clean", "another group", "nothing"}) {
    for (std::size_t i = 0; i < cold.size(); ++i) {
      turns[i].limits.hold = true;
      const Answer answer = ask(worker, turns[i]).front();
      require(
          answer.token_ids == cold[i],
          fmt::format(
              "turn {} has another answer when turns are held, {} between them", i + 1, between));
      require(answer.prefilled_tokens <= tokens[i],
              fmt::format("turn {} prefilled {} tokens, and {} where nothing was held",
                          i + 1,
                          answer.prefilled_tokens,
                          tokens[i]));
      if (between == std::string("clean")) {
        result_of(worker.call("clean", {{"level", "normal"}}));
      } else if (between == std::string("another group")) {
        require_answered(ask(worker, group_of(subject, "between", 2)));
      }
      require(i == 0 || between == std::string("nothing") || answer.prefilled_tokens == tokens[i],
              fmt::format("a turn went on from what was to be dropped, {} between", between));
    }
  }
}

void fails_a_missing_picture_by_its_items(const Subject& subject) {
  RawWorker worker(subject.command, subject.patience);
  load(worker, subject);
  AskRequest request = group_of(subject, "g", 2);
  request.pictures = {{"/no/such/picture.png", "", "picture"}};
  for (worker::AskItem& item : request.items) {
    item.conversation = {{"user", {Part::of_image(0), Part::of_text("What?")}}};
  }
  for (const Answer& answer : ask(worker, request)) {
    require(answer.outcome == Outcome::kImage, "a missing picture is the outcome 'image'");
    require(!answer.error.empty() && !answer.error_code.empty(), "a failure needs its words");
    require(answer.text.empty(), "a failure is never text");
  }
  require_answered(ask(worker, group_of(subject, "after", 2)));
}

void prepares_and_then_answers(const Subject& subject) {
  RawWorker worker(subject.command, subject.patience);
  load(worker, subject);
  const AskRequest next = group_of(subject, "next", 2);
  const int first = worker.request("ask", to_json(group_of(subject, "first", 2)));
  worker.notify("prepare", to_json(next));
  result_of(worker.response(first));
  require_answered(ask(worker, next));
  worker.notify("prepare", {{"group", 5}});
  result_of(worker.call("prepare", to_json(next)));
}

void stops_on_cancel_and_goes_on(const Subject& subject) {
  RawWorker worker(subject.command, subject.patience);
  load(worker, subject);
  AskRequest request = group_of(subject, "long", 64);
  for (worker::AskItem& item : request.items) {
    item.max_tokens = 400;
  }
  request.limits.batch = 1;
  const int ask_id = worker.request("ask", to_json(request));
  worker.answers(1);
  result_of(worker.call("cancel", {{"group", "long"}}));
  const Json response = worker.response(ask_id);
  std::multiset<std::string> ids;
  for (const Json& json : worker.answers()) {
    const auto answer = worker::from_json<Answer>(json);
    ids.insert(answer.id);
    require(answer.outcome == Outcome::kAnswered || answer.outcome == Outcome::kSkipped,
            "a cancelled item is skipped or not answered at all");
  }
  require(std::set<std::string>(ids.begin(), ids.end()).size() == ids.size(),
          "an item has two answers");
  if (response.contains("error")) {
    require_error(response, -32000, "cancelled");
  }
  require_answered(ask(worker, group_of(subject, "after", 2)));
}

void cleans_reads_and_unloads(const Subject& subject) {
  RawWorker worker(subject.command, subject.patience);
  load(worker, subject);
  ask(worker, group_of(subject, "g", 2));
  for (const char* level : {"normal", "aggressive"}) {
    worker::from_json<worker::Cleaned>(result_of(worker.call("clean", {{"level", level}})));
  }
  const memory::Reading loaded =
      memory::reading_from_json(result_of(worker.call("reading", Json::object())));
  const auto unloaded =
      worker::from_json<worker::Unloaded>(result_of(worker.call("unload", Json::object())));
  require(!loaded.active || !unloaded.after.active || *unloaded.after.active < *loaded.active,
          "unloading gave nothing back");
  worker::from_json<worker::Unloaded>(result_of(worker.call("unload", Json::object())));
  require_error(worker.call("ask", to_json(group_of(subject, "g", 1))), -32000, "usage");
  load(worker, subject);
  require_answered(ask(worker, group_of(subject, "again", 1)));
}

void refuses_what_it_does_not_know(const Subject& subject) {
  RawWorker worker(subject.command, subject.patience);
  require_error(worker.call("dance", Json::object()), -32601);
  require_error(worker.call("load", {{"model", 5}}), -32602);
  require_error(worker.call("clean", {{"level", "deep"}}), -32602);
  for (const char* line : {"this is no JSON", "{\"jsonrpc\":\"2.0\",\"id\":", "\xff\xfe"}) {
    worker.send_line(line);
    require_error(worker.response_without_id(), -32700);
  }
  for (const char* line : {"[]", "7", "{}"}) {
    worker.send_line(line);
    require_error(worker.response_without_id(), -32600);
  }
  worker.send_line("");
  worker.notify("a-notification-of-a-later-version", {{"x", 1}});
  result_of(worker.call("hello", {{"protocol", 1}, {"a_later_key", true}}));
}

void ends_with_its_input(const Subject& subject) {
  RawWorker idle(subject.command, subject.patience);
  result_of(idle.call("hello", Json::object()));
  idle.close_input();
  require(idle.wait_exit().status == 0, "the end of input is a good end: exit status 0");

  RawWorker busy(subject.command, subject.patience);
  load(busy, subject);
  AskRequest request = group_of(subject, "long", 64);
  for (worker::AskItem& item : request.items) {
    item.max_tokens = 400;
  }
  busy.request("ask", to_json(request));
  busy.close_input();
  require(busy.wait_exit().status == 0, "the end of input while asking is a good end too");
}

}  // namespace

const std::vector<Check>& all_checks() {
  static const std::vector<Check> kChecks = {
      {"says hello", says_hello},
      {"plans without loading, and asks for a model before it is asked", plans_without_loading},
      {"refuses a model that is not there, and lives", refuses_a_model_that_is_not_there},
      {"answers each item once, before the response", answers_each_item_once},
      {"answers alike in batches and one by one", answers_alike_one_by_one},
      {"keeps the items' order with a batch of 1", keeps_the_order_one_by_one},
      {"gives prompt, input ids and log-probabilities when wanted", gives_what_was_wanted},
      {"says what it reduced, and keeps answers where it must", says_what_it_reduced},
      {"holds a turn for the next, with the same answers", holds_a_turn_for_the_next},
      {"fails a missing picture by its items", fails_a_missing_picture_by_its_items},
      {"prepares while it asks, and then answers", prepares_and_then_answers},
      {"stops on cancel and goes on", stops_on_cancel_and_goes_on},
      {"cleans, reads, unloads, and loads again", cleans_reads_and_unloads},
      {"refuses what it does not know, and lives", refuses_what_it_does_not_know},
      {"ends with its input", ends_with_its_input},
  };
  return kChecks;
}

}  // namespace headroom::conformance
