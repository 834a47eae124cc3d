#include "report/models_text.h"

#include <fmt/format.h>

#include "text.h"
#include "values_json.h"

namespace headroom::report {

namespace {

std::string state_of(const ListedModel& model) {
  if (model.problem.empty()) {
    return "on disk";
  }
  return model.fetch.empty() ? "not usable" : "not on disk";
}

}  // namespace

std::string models_text(const std::vector<ListedModel>& models,
                        const std::string& hub,
                        const Style& style) {
  Table table;
  table.add({"name", "stands for", "from", "state", "family", "weights", "format"});
  for (const ListedModel& model : models) {
    const bool here = model.problem.empty();
    table.add({toned(model.name, Tone::kStrong, style),
               model.word == model.name ? "–" : model.word,
               model.origin,
               toned(state_of(model), here ? Tone::kGood : Tone::kWarning, style),
               model.family.empty() ? "–" : model.family,
               here && model.weights ? to_string(*model.weights) : "–",
               model.dtype.empty() ? "–" : model.dtype});
  }
  std::string text = table.text(style.width);
  std::string fetches;
  std::string problems;
  for (const ListedModel& model : models) {
    if (!model.fetch.empty()) {
      fetches += fmt::format("  {}: {}\n", model.name, model.fetch);
    }
    if (!model.problem.empty() && model.code != "E-MODEL-NOT-CACHED") {
      problems += fmt::format("  {} [{}]\n", model.problem, model.code);
    }
  }
  text += fmt::format("\ncache: {}\n", hub);
  if (!fetches.empty()) {
    text += "\nnot on this machine; fetched with\n" + fetches;
  }
  if (!problems.empty()) {
    text += "\nnot usable as they are\n" + problems;
  }
  return spelt(std::move(text), style);
}

Json models_json(const std::vector<ListedModel>& models) {
  Json list = Json::array();
  for (const ListedModel& model : models) {
    list.push_back({{"schema", "headroom.model/1"},
                    {"name", model.name},
                    {"word", model.word},
                    {"origin", model.origin},
                    {"on_disk", !model.folder.empty()},
                    {"folder", or_null(model.folder)},
                    {"family", or_null(model.family)},
                    {"weights_bytes", bytes_or_null(model.weights)},
                    {"dtype", or_null(model.dtype)},
                    {"problem", or_null(model.problem)},
                    {"problem_code", or_null(model.code)},
                    {"fetch", or_null(model.fetch)}});
  }
  return list;
}

}  // namespace headroom::report
