#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "mlx_engine.h"

namespace headroom::mlx_worker::testing {

inline std::filesystem::path source() { return HEADROOM_SOURCE_DIR; }

inline std::filesystem::path demo_model() { return source() / "assets/demo/model"; }

inline std::filesystem::path easy_vqa() { return source() / "assets/demo/easy-vqa/test"; }

inline std::filesystem::path test_data() { return HEADROOM_TEST_DATA; }

/// A question about the group's first picture, or about none.
inline worker::AskItem question(std::string id, std::string text, bool picture = true) {
  worker::AskItem item;
  item.id = std::move(id);
  item.max_tokens = 48;
  Message message{"user", {}};
  if (picture) {
    message.parts.push_back(Part::of_image(0));
  }
  message.parts.push_back(Part::of_text(std::move(text)));
  item.conversation = {std::move(message)};
  return item;
}

inline worker::PictureRef picture(const std::filesystem::path& path) {
  return {path.string(), {}, path.filename().string()};
}

/// An engine with a model, and its answers by item.
class Asked {
 public:
  explicit Asked(const std::filesystem::path& model = demo_model()) : engine(clock, log) {
    worker::LoadRequest request;
    request.model = model.string();
    loaded = engine.load(request);
  }

  std::map<std::string, worker::Answer> ask(const worker::AskRequest& request) {
    std::map<std::string, worker::Answer> answers;
    done = engine.ask(
        request,
        [&](worker::Answer&& answer) {
          const std::string id = answer.id;
          answers[id] = std::move(answer);
        },
        [&](const worker::BusyReading& busy) { readings.push_back(busy); },
        cancel);
    return answers;
  }

  SystemClock clock;
  NullLog log;
  MlxEngine engine;
  worker::Loaded loaded;
  worker::CancelToken cancel;
  worker::AskDone done;
  std::vector<worker::BusyReading> readings;
};

}  // namespace headroom::mlx_worker::testing
