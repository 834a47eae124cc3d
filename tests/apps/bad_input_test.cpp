#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "demo_checkpoint.h"
#include "process.h"
#include "support/temporary_folder.h"

namespace headroom::test {
namespace {

namespace fs = std::filesystem;

struct Row {
  std::string name;
  std::string fixture;
  std::vector<std::string> arguments;
  int exit = 0;
  std::vector<std::string> fragments;  ///< all of them in the outputs or in answers.jsonl
};

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) {
    parts.push_back(part);
  }
  return parts;
}

std::vector<Row> read_rows() {
  std::ifstream file(HEADROOM_TEST_DATA "/apps/bad_input.tsv");
  std::vector<Row> rows;
  std::string line;
  std::getline(file, line);  // the names of the columns
  while (std::getline(file, line)) {
    const std::vector<std::string> cells = split(line, '\t');
    rows.push_back({cells.at(0),
                    cells.at(1),
                    split(cells.at(2), ' '),
                    std::stoi(cells.at(3)),
                    split(cells.at(4), '|')});
  }
  return rows;
}

std::string content(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// A working folder with a sound data.jsonl (three questions, two pictures), which a fixture
/// spoils.
class Scene {
 public:
  explicit Scene(fs::path folder) : folder_(std::move(folder)) {
    const fs::path pictures = demo_assets() / "easy-vqa" / "test" / "images";
    fs::copy_file(pictures / "0.png", folder_ / "red.png");
    fs::copy_file(pictures / "1.png", folder_ / "other.png");
    write_data(
        {question("red", "red.png"), question("shape", "red.png"), question("other", "other.png")});
  }

  static std::string question(const std::string& id, const std::string& picture) {
    return Json{{"id", id},
                {"image", picture},
                {"question", "what is the color of the shape?"},
                {"answer", "red"}}
        .dump();
  }

  void write_data(const std::vector<std::string>& lines) const {
    std::ofstream file(folder_ / "data.jsonl");
    for (const std::string& line : lines) {
      file << line << '\n';
    }
  }

  /// One sound question, and one about a picture of this name and content.
  void with_picture(const std::string& name, const std::string& bytes) const {
    if (!bytes.empty()) {
      std::ofstream(folder_ / name, std::ios::binary) << bytes;
    }
    write_data({question("red", "red.png"), question("bad", name)});
  }

  DemoCheckpoint model() const { return DemoCheckpoint(folder_ / "model"); }

  const fs::path& folder() const { return folder_; }

 private:
  fs::path folder_;
};

using Fixture = std::function<void(const Scene&)>;

/// The tensor that lies last in the file.
Json& last_tensor(Json& header) {
  Json* last = nullptr;
  for (auto& [name, tensor] : header.items()) {
    if (name != "__metadata__" &&
        (last == nullptr || tensor["data_offsets"][1] > (*last)["data_offsets"][1])) {
      last = &tensor;
    }
  }
  return *last;
}

constexpr const char* kNorm = "model.text_model.norm.weight";

std::map<std::string, Fixture> checkpoint_fixtures() {
  return {
      {"empty model folder", [](const Scene& s) { fs::create_directory(s.folder() / "model"); }},
      {"no config.json", [](const Scene& s) { s.model().remove("config.json"); }},
      {"broken config.json", [](const Scene& s) { s.model().write("config.json", "{\"a\": "); }},
      {"unknown model_type",
       [](const Scene& s) {
         s.model().edit_json("config.json", [](Json& c) { c["model_type"] = "dreamvlm"; });
       }},
      {"type without weights",
       [](const Scene& s) {
         fs::create_directory(s.folder() / "model");
         std::ofstream(s.folder() / "model/config.json") << R"({"model_type": "llama"})";
       }},
      {"truncated weights", [](const Scene& s) { s.model().truncate("model.safetensors", 0.5); }},
      {"offsets outside",
       [](const Scene& s) {
         s.model().edit_weights_header([](Json& header) {
           Json& tensor = last_tensor(header);
           const auto begin = tensor["data_offsets"][0].get<std::uint64_t>();
           tensor["data_offsets"] = {begin + (1U << 30U),
                                     tensor["data_offsets"][1].get<std::uint64_t>() + (1U << 30U)};
         });
       }},
      {"offsets overlap",
       [](const Scene& s) {
         s.model().edit_weights_header([](Json& header) {
           Json& tensor = last_tensor(header);
           const auto begin = tensor["data_offsets"][0].get<std::uint64_t>();
           tensor["data_offsets"] = {begin - 64,
                                     tensor["data_offsets"][1].get<std::uint64_t>() - 64};
         });
       }},
      {"huge header", [](const Scene& s) { s.model().set_header_length(1ULL << 60U); }},
      {"header is no JSON", [](const Scene& s) { s.model().set_header_length(33); }},
      {"renamed tensor",
       [](const Scene& s) {
         s.model().edit_weights_header([](Json& header) {
           header["model.text_model.other.weight"] = header.at(kNorm);
           header.erase(kNorm);
         });
       }},
      {"wrong shape",
       [](const Scene& s) {
         s.model().edit_weights_header([](Json& header) {
           const auto length = header.at(kNorm)["shape"][0].get<std::uint64_t>();
           header[kNorm]["shape"] = {length / 2, 2};
         });
       }},
      {"pointer weights",
       [](const Scene& s) {
         s.model().write("model.safetensors",
                         "version https://git-lfs.github.com/spec/v1\noid sha256:a3\nsize 15\n");
       }},
  };
}

std::map<std::string, Fixture> text_fixtures() {
  const auto template_fixture = [](const std::string& text) {
    return [text](const Scene& s) { s.model().write("chat_template.jinja", text); };
  };
  return {
      {"broken tokenizer",
       [](const Scene& s) { s.model().write("tokenizer.json", "{\"version\": \"1.0\""); }},
      {"no tokenizer", [](const Scene& s) { s.model().remove("tokenizer.json"); }},
      {"broken template", template_fixture("{% for m in messages %}{{ m.role }")},
      {"endless template",
       template_fixture("{% for a in range(99999) %}{% for b in range(99999) %}"
                        "{% set c = a * b %}{% endfor %}{% endfor %}x")},
      {"raising template", template_fixture("{{ raise_exception('no pictures here') }}")},
      {"no template",
       [](const Scene& s) {
         const DemoCheckpoint model = s.model();
         model.remove("chat_template.jinja");
         model.remove("chat_template.json");
         model.edit_json("tokenizer_config.json", [](Json& c) { c.erase("chat_template"); });
       }},
  };
}

std::map<std::string, Fixture> data_fixtures() {
  return {
      {"none", [](const Scene&) {}},
      {"empty data", [](const Scene& s) { s.write_data({}); }},
      {"misspelt question",
       [](const Scene& s) { s.write_data({R"({"image": "red.png", "qestion": "what?"})"}); }},
      {"a table",
       [](const Scene& s) { std::ofstream(s.folder() / "table.csv") << "image\nred.png\n"; }},
      {"wrong JSON",
       [](const Scene& s) {
         s.write_data({Scene::question("red", "red.png"),
                       Scene::question("shape", "red.png"),
                       "{\"id\": \"other\", \"image\": }"});
       }},
      {"repeated id",
       [](const Scene& s) {
         s.write_data({Scene::question("red", "red.png"),
                       Scene::question("shape", "red.png"),
                       Scene::question("other", "other.png"),
                       Scene::question("red", "other.png")});
       }},
      {"missing picture", [](const Scene& s) { s.with_picture("gone.png", ""); }},
      {"HTML picture",
       [](const Scene& s) {
         s.with_picture("bad.jpg", "<!DOCTYPE html><html><body>404 Not Found</body></html>\n");
       }},
      {"truncated JPEG",
       [](const Scene& s) {
         s.with_picture("bad.jpg",
                        content(HEADROOM_TEST_DATA "/cases/25-truncated-files/input/cut.jpg"));
       }},
      {"pixel bomb",
       [](const Scene& s) {
         s.with_picture("bad.png",
                        content(HEADROOM_TEST_DATA "/cases/38-pixel-bombs/input/p60000.png"));
       }},
      {"output is a file", [](const Scene& s) { std::ofstream(s.folder() / "taken") << "mine"; }},
  };
}

const std::map<std::string, Fixture>& fixtures() {
  static const std::map<std::string, Fixture> all = [] {
    std::map<std::string, Fixture> merged = data_fixtures();
    merged.merge(checkpoint_fixtures());
    merged.merge(text_fixtures());
    return merged;
  }();
  return all;
}

/// answers.jsonl of all runs below the folder.
std::string answers_below(const fs::path& folder) {
  std::string text;
  if (fs::exists(folder / "runs")) {
    for (const auto& run : fs::directory_iterator(folder / "runs")) {
      text += content(run.path() / "answers.jsonl");
    }
  }
  return text;
}

class BadInput : public ::testing::TestWithParam<Row> {};

TEST_P(BadInput, IsNamedWithItsExitCode) {
  const Row& row = GetParam();
  const TemporaryFolder folder;
  const Scene scene(folder.path());
  fixtures().at(row.fixture)(scene);
  const Finished finished = run({row.arguments, folder.path(), {}, {}, false});
  const std::string answers = answers_below(folder.path());
  const std::string all = finished.out + finished.err + answers;
  EXPECT_EQ(finished.status, row.exit) << all;
  for (const std::string& fragment : row.fragments) {
    EXPECT_NE(all.find(fragment), std::string::npos) << fragment << "\nin\n" << all;
  }
  EXPECT_LT(finished.seconds, 60) << "not refused early";
  if (row.exit == 2 || row.exit == 5) {
    EXPECT_TRUE(!fs::exists(folder / "runs") || fs::is_empty(folder / "runs"))
        << "a run was left behind";
  }
}

std::string test_name(const ::testing::TestParamInfo<Row>& info) {
  std::string name;
  for (const char c : info.param.name) {
    name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(Table, BadInput, ::testing::ValuesIn(read_rows()), test_name);

/// What is wrong with one picture costs only its own question.
TEST(BadPicture, CostsOnlyItsOwnQuestion) {
  const TemporaryFolder folder;
  const Scene scene(folder.path());
  fixtures().at("truncated JPEG")(scene);
  const Finished finished =
      run({{"vqa", "-m", "demo", "-d", "data.jsonl", "--json"}, folder.path(), {}, {}, false});
  ASSERT_EQ(finished.status, 3) << finished.err;
  const Json summary = Json::parse(finished.out);
  EXPECT_EQ(summary["models"][0]["total"], 2);
  EXPECT_EQ(summary["models"][0]["answered"], 1);
  EXPECT_EQ(summary["models"][0]["outcomes"]["image"], 1);
  EXPECT_NE(finished.err.find("1 of 2 without an answer: bad"), std::string::npos) << finished.err;
}

}  // namespace
}  // namespace headroom::test
