#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "mlx_engine.h"
#include "support/temporary_folder.h"

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

/// The demo model with a processor that splits pictures: up to 256 pixels in tiles of 64.
inline std::filesystem::path splitting_demo(const test::TemporaryFolder& folder) {
  for (const auto& entry : std::filesystem::directory_iterator(demo_model())) {
    std::filesystem::copy_file(entry.path(), folder / entry.path().filename());
  }
  const std::filesystem::path settings = folder / "preprocessor_config.json";
  Json json = parse_json(read_file(settings), settings.string());
  json["do_image_splitting"] = true;
  json["size"] = {{"longest_edge", 256}};
  std::ofstream(settings, std::ios::trunc) << json.dump();
  return folder.path();
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
