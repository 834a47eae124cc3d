#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/json.h"
#include "report/terminal.h"

namespace headroom::report {

/// A row of `headroom models`.
struct ListedModel {
  std::string name;    ///< what --models takes
  std::string word;    ///< what it stands for
  std::string origin;  ///< "built in", "embedded", "cache", or the file that adds it
  std::string folder;  ///< empty: not here, see problem
  std::string family;  ///< empty: unknown
  std::string dtype;   ///< empty: unknown
  std::optional<Bytes> weights;
  std::string problem;  ///< why it cannot be used; empty: it is here
  std::string code;     ///< of that
  std::string fetch;    ///< the command that brings its files; empty: nothing to fetch
};

/// A table of the models, then the commands that fetch those that are not on this machine. `hub`:
/// the cache that was looked at. Lines end with '\n'.
std::string models_text(const std::vector<ListedModel>& models,
                        const std::string& hub,
                        const Style& style);

/// A list of "headroom.model/1" records.
Json models_json(const std::vector<ListedModel>& models);

}  // namespace headroom::report
