#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "backends/backend.h"
#include "base/errors.h"
#include "worker/engine.h"

namespace headroom::test {

/// An engine without a model: answers each item by `answer_of`, in the order asked, and does what
/// its script says before the n-th answer (counted from 1 over its whole life). Records its calls.
class FakeBackend : public backends::Backend {
 public:
  /// What happens in place of, or before, an answer.
  enum class Event {
    kDie,         ///< a death, told to on_death; then it goes on, as a supervised engine does
    kCancel,      ///< the asking ends in Cancelled
    kFail,        ///< the asking ends in BackendError
    kSayNothing,  ///< this item gets no answer
  };

  FakeBackend() {
    who.engine = "fake";
    who.engine_version = "1.0";
    who.device = "cpu";
    geometry.family = "fake";
    geometry.dtype = "float32";
    geometry.weights = 8_MiB;
    geometry.engine = 16_MiB;
    geometry.kv_per_token = 1_KiB;
    geometry.context_tokens = 2048;
  }

  /// The text of an item's answer: a pure function of what was asked.
  std::function<std::string(const worker::AskItem&)> answer_of = [](const worker::AskItem& item) {
    return "answer to " + item.id;
  };
  std::map<int, Event> script;
  std::map<std::string, Outcome> failures;  ///< by id
  worker::Hello who;
  std::string default_dtype = "float32";
  memory::Geometry geometry;
  memory::Reading now;                  ///< what its sensors say
  Bytes held;                           ///< of it, what a group leaves that was asked with `hold`
  std::function<void()> before_answer;  ///< called before each answer

  // What it was asked for.
  std::vector<std::string> asked;                ///< ids, in order
  std::vector<std::vector<std::string>> groups;  ///< ids of each ask
  std::vector<worker::AskRequest> requests;
  std::vector<std::string> prepared;  ///< group names
  std::vector<worker::CleanLevel> cleanups;
  std::vector<worker::LoadRequest> load_requests;
  int loads = 0;
  int unloads = 0;

  const worker::Hello& hello() override {
    who.reading = now;
    return who;
  }

  memory::Geometry plan(const worker::PlanRequest& request) override {
    memory::Geometry result = geometry;
    for (const worker::PictureSize& size : request.pictures) {
      memory::PictureCost cost;
      cost.width = size.width;
      cost.height = size.height;
      cost.tiles = 1;
      cost.tokens = 16;
      cost.encode = 1_MiB;
      result.pictures.push_back(cost);
    }
    return result;
  }

  worker::Loaded load(const worker::LoadRequest& request) override {
    ++loads;
    load_requests.push_back(request);
    worker::Loaded loaded;
    loaded.family = geometry.family;
    loaded.dtype = request.dtype.empty() ? default_dtype : request.dtype;
    loaded.parameters = 1000;
    loaded.weights = geometry.weights;
    loaded.seconds = 0.5;
    loaded.reading = now;
    return loaded;
  }

  void prepare(const worker::AskRequest& request) override { prepared.push_back(request.group); }

  worker::AskDone ask(const worker::AskRequest& request,
                      const std::function<void(worker::Answer&&)>& sink) override {
    requests.push_back(request);
    groups.emplace_back();
    worker::AskDone done;
    done.group = request.group;
    for (const worker::AskItem& item : request.items) {
      if (before_answer) {
        before_answer();
      }
      if (!play(++count_)) {
        continue;
      }
      asked.push_back(item.id);
      groups.back().push_back(item.id);
      worker::Answer answer = make_answer(request, item);
      ++(answer.outcome == Outcome::kAnswered ? done.answered : done.failed);
      sink(std::move(answer));
    }
    done.held = request.limits.hold ? held : Bytes();
    done.reading = now;
    return done;
  }

  worker::Cleaned clean(worker::CleanLevel level) override {
    cleanups.push_back(level);
    worker::Cleaned cleaned;
    cleaned.before = now;
    now.cache = Bytes();
    cleaned.after = now;
    return cleaned;
  }

  memory::Reading reading() override { return now; }

  worker::Unloaded unload() override {
    ++unloads;
    return {now, now};
  }

  worker::Verified verify(const worker::VerifyRequest&) override { return {}; }

  void cancel() override {}

  int restarts() const override { return restarts_; }

 protected:
  worker::Answer make_answer(const worker::AskRequest& request, const worker::AskItem& item) {
    worker::Answer answer;
    answer.group = request.group;
    answer.id = item.id;
    answer.before = now;
    answer.after = now;
    answer.prompt_tokens = 20;
    answer.image_tokens = static_cast<std::uint32_t>(16 * request.pictures.size());
    if (const auto failed = failures.find(item.id); failed != failures.end()) {
      answer.outcome = failed->second;
      answer.error = "the script fails " + item.id;
      answer.error_code = "E-SCRIPT";
      return answer;
    }
    answer.outcome = Outcome::kAnswered;
    answer.text = answer_of(item);
    for (const char c : answer.text) {
      answer.token_ids.push_back(static_cast<std::int32_t>(c));
    }
    answer.stopped = true;
    answer.seconds = {0.001, 0.002, 0.003, 0.004};
    if (item.top_log_probs > 0) {
      for (const std::int32_t token : answer.token_ids) {
        answer.log_probs.push_back({token, -0.125, {{token, -0.125}}});
      }
    }
    return answer;
  }

 private:
  /// False when this item gets no answer.
  bool play(int count) {
    const auto found = script.find(count);
    if (found == script.end()) {
      return true;
    }
    switch (found->second) {
      case Event::kDie:
        ++restarts_;
        if (on_death) {
          on_death({backends::Death::Kind::kSignal, 9, "killed by the script"});
        }
        return true;
      case Event::kCancel:
        throw Cancelled("the script cancels");
      case Event::kFail:
        throw BackendError("E-WORKER-GAVE-UP", "the script gives up");
      case Event::kSayNothing:
        return false;
    }
    return true;
  }

  int count_ = 0;
  int restarts_ = 0;
};

}  // namespace headroom::test
