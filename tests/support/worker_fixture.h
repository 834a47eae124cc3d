#pragma once

#include <fstream>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "support/temporary_folder.h"
#include "worker/child_process.h"
#include "worker/messages.h"

namespace headroom::testing {

using test::TemporaryFolder;

/// The scripted worker with this script and a state that outlives its deaths.
inline worker::WorkerCommand scripted_command(const Json& script, const TemporaryFolder& state) {
  return {std::string(HEADROOM_BUILD_DIR) + "/tests/scripted_worker",
          {"--script", dump_json(script), "--state", state.path().string()},
          {}};
}

/// What the scripted worker noted: "load LIFE", "ask LIFE GROUP batch N: IDS…", "prepare GROUP".
inline std::vector<std::string> journal_of(const TemporaryFolder& state) {
  std::vector<std::string> lines;
  std::ifstream in(state.path() / "journal");
  for (std::string line; std::getline(in, line);) {
    lines.push_back(line);
  }
  return lines;
}

/// A group of questions "What is q1?", … without pictures.
inline worker::AskRequest group_of(const std::string& group, int items) {
  worker::AskRequest request;
  request.group = group;
  for (int i = 1; i <= items; ++i) {
    worker::AskItem item;
    item.id = "q" + std::to_string(i);
    item.conversation = {{"user", {Part::of_text("What is " + item.id + "?")}}};
    request.items.push_back(item);
  }
  return request;
}

}  // namespace headroom::testing
