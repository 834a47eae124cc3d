// docs/reference/worker-contract.md against the code: its examples are read, and no key that the
// code writes is missing from it.
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <sstream>

#include "base/errors.h"
#include "samples.h"
#include "worker/messages.h"

namespace headroom::worker {

namespace {

struct Example {
  std::string kind;    ///< "request", "result", "notification", "error"
  std::string method;  ///< empty for errors
  Json message;
};

std::string page() {
  std::ifstream in(std::string(HEADROOM_SOURCE_DIR) + "/docs/reference/worker-contract.md");
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Each `<!-- example: KIND METHOD -->` with the JSON block after it.
std::vector<Example> examples() {
  const std::string text = page();
  const std::string open = "<!-- example: ";
  std::vector<Example> result;
  for (std::size_t at = text.find(open); at != std::string::npos; at = text.find(open, at + 1)) {
    const std::size_t name = at + open.size();
    std::istringstream words(text.substr(name, text.find(" -->", name) - name));
    Example example;
    words >> example.kind >> example.method;
    const std::size_t begin = text.find("```json\n", name) + 8;
    example.message = parse_json(text.substr(begin, text.find("```", begin) - begin),
                                 example.kind + " " + example.method);
    result.push_back(std::move(example));
  }
  return result;
}

/// Reads a body as its type and writes it again.
using Rewrite = std::function<Json(const Json&)>;

template <typename T>
Json rewritten(const Json& json) {
  return to_json(from_json<T>(json));
}

const std::map<std::string, Rewrite>& bodies() {
  static const std::map<std::string, Rewrite> kBodies = {
      {"request plan", rewritten<PlanRequest>},
      {"request load", rewritten<LoadRequest>},
      {"request ask", rewritten<AskRequest>},
      {"request verify", rewritten<VerifyRequest>},
      {"notification prepare", rewritten<AskRequest>},
      {"notification answer", rewritten<Answer>},
      {"notification reading", rewritten<BusyReading>},
      {"result hello", rewritten<Hello>},
      {"result plan",
       [](const Json& json) { return memory::to_json(memory::geometry_from_json(json)); }},
      {"result load", rewritten<Loaded>},
      {"result ask", rewritten<AskDone>},
      {"result clean", rewritten<Cleaned>},
      {"result reading",
       [](const Json& json) { return memory::to_json(memory::reading_from_json(json)); }},
      {"result verify", rewritten<Verified>},
      {"result unload", rewritten<Unloaded>},
      {"error ", rewritten<RemoteError>},
  };
  return kBodies;
}

const Json& body_of(const Example& example) {
  if (example.kind == "error") {
    return example.message.at("error").at("data");
  }
  return example.message.at(example.kind == "result" ? "result" : "params");
}

/// Everything in `part` is in `whole` with the same value. Null stands for a number that is not
/// finite.
void expect_within(const Json& part, const Json& whole, const std::string& path) {
  if (part.is_object()) {
    for (const auto& [key, value] : part.items()) {
      if (!whole.is_object() || !whole.contains(key)) {
        ADD_FAILURE() << path << "/" << key << " is in the page, the code does not know it";
        continue;
      }
      expect_within(value, whole[key], path + "/" + key);
    }
  } else if (part.is_array()) {
    ASSERT_EQ(part.size(), whole.size()) << path;
    for (std::size_t i = 0; i < part.size(); ++i) {
      expect_within(part[i], whole[i], path + "/" + std::to_string(i));
    }
  } else if (!part.is_null()) {
    EXPECT_EQ(part, whole) << path;
  }
}

void collect_keys(const Json& json, std::set<std::string>& keys) {
  for (const auto& [key, value] : json.items()) {
    if (json.is_object()) {
      keys.insert(key);
    }
    if (value.is_structured()) {
      collect_keys(value, keys);
    }
  }
}

TEST(ContractPage, ItsExamplesSayWhatTheCodeReads) {
  for (const Example& example : examples()) {
    const std::string name = example.kind + " " + example.method;
    EXPECT_EQ(example.message.at("jsonrpc"), "2.0") << name;
    EXPECT_EQ(example.message.contains("id"), example.kind != "notification") << name;
    if (example.kind == "request" || example.kind == "notification") {
      EXPECT_EQ(example.message.at("method"), example.method);
    }
    if (const auto found = bodies().find(name); found != bodies().end()) {
      expect_within(body_of(example), found->second(body_of(example)), name);
    }
  }
}

TEST(ContractPage, HasAnExampleOfEachMessage) {
  std::set<std::string> shown;
  for (const Example& example : examples()) {
    shown.insert(example.kind + " " + example.method);
  }
  for (const auto& [name, rewrite] : bodies()) {
    EXPECT_TRUE(shown.contains(name)) << name;
  }
  for (const char* name : {"request hello",
                           "request clean",
                           "request reading",
                           "request unload",
                           "request cancel",
                           "notification cancel",
                           "result cancel",
                           "notification event"}) {
    EXPECT_TRUE(shown.contains(name)) << name;
  }
}

TEST(ContractPage, NamesEachKeyThatTheCodeWrites) {
  std::set<std::string> keys;
  for (const std::vector<std::string>& lines :
       {testing::sample_request_lines(), testing::sample_reply_lines()}) {
    for (const std::string& line : lines) {
      collect_keys(parse_json(line, "sample"), keys);
    }
  }
  collect_keys(memory::to_json(memory::Geometry{.pictures = {{}}}), keys);
  const std::string text = page();
  for (const std::string& key : keys) {
    EXPECT_TRUE(text.find('"' + key + '"') != std::string::npos ||
                text.find('`' + key + '`') != std::string::npos)
        << key << " is written by the code and not in the page";
  }
}

TEST(ContractPage, NamesTheVersionTheOutcomesAndTheKinds) {
  const std::string text = page();
  EXPECT_NE(text.find("# The worker contract, version " + std::to_string(kProtocolVersion) + "\n"),
            std::string::npos);
  for (const Outcome outcome : {Outcome::kAnswered,
                                Outcome::kImage,
                                Outcome::kMemory,
                                Outcome::kTimeout,
                                Outcome::kServer,
                                Outcome::kModel,
                                Outcome::kSkipped}) {
    EXPECT_NE(text.find('`' + std::string(to_string(outcome)) + '`'), std::string::npos)
        << to_string(outcome);
  }
}

}  // namespace

}  // namespace headroom::worker
