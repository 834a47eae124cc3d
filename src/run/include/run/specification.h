#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "datasets/dialogue.h"

namespace headroom::run {

/// What a run asks of a model.
enum class TestKind {
  kVqa,       ///< questions about pictures
  kDescribe,  ///< descriptions of pictures, and prompts without any
  kContext,   ///< dialogues about pictures, in several arms
};
/// "vqa", "describe", "context": the commands' names.
std::string_view to_string(TestKind test);

/// Items A to B of the data, counted from 1, both included.
struct ItemRange {
  std::uint64_t first = 1;
  std::uint64_t last = 0;

  bool operator==(const ItemRange&) const = default;
};

/// "20" is items 1 to 20; "101-200" is what it says. Throws UsageError("E-LIMIT") naming the text.
ItemRange parse_range(std::string_view text);
std::string to_string(const ItemRange& range);

/// Why a model was not asked, or not to its end.
struct NotRun {
  std::string code;    ///< of the error: "E-MODEL-NOT-CACHED"
  std::string reason;  ///< its message

  bool operator==(const NotRun&) const = default;
};

/// One model of a run, resolved.
struct ModelSpec {
  std::string word;                ///< as the user wrote it: "demo", "org/name@rev"
  std::string name;                ///< for tables, folders and exports: "demo", "org/name"
  std::string engine;              ///< "mlx", "torch", "gguf", "server"
  bool trust_remote_code = false;  ///< the folder's own code may be run; its files are hashed too
  std::string folder;              ///< absolute; of a server its address, of GGUF its files; empty:
                                   ///< the word could not be resolved, see not_run
  std::string revision;            ///< of the Hugging Face snapshot; empty: a plain folder
  std::string hash;                ///< of fingerprint_of, see model_hash.h
  std::map<std::string, std::string> files;  ///< of the same, to name what changed
  std::string dtype;                         ///< empty: the engine's default
  std::optional<NotRun> not_run;             ///< the run went on without this model

  bool operator==(const ModelSpec&) const = default;
};

/// The data of a run, resolved.
struct DataSpec {
  std::string word;              ///< as the user wrote it: "easy-vqa", "vqav2:DIR"
  std::string reader;            ///< Dataset::name
  std::string label;             ///< Dataset::label
  std::string path;              ///< absolute
  std::string argument;          ///< Dataset::argument; empty in old records
  std::vector<std::string> map;  ///< as given to --map: "question=Q"
  std::string pictures;  ///< where relative picture names start, absolute; empty: the data's folder

  bool operator==(const DataSpec&) const = default;
};

/// Everything that decides what a run asks and how: the resolved configuration, stored with the run
/// and enough to repeat it. No secret (key, token, password) is ever a member.
struct Specification {
  TestKind test = TestKind::kVqa;
  std::vector<ModelSpec> models;  ///< at least one; names are unique
  DataSpec data;
  std::string metric;                       ///< scorer's name
  std::vector<datasets::ScriptTurn> turns;  ///< what TestKind::kContext asks about each picture

  // Which items, in which order.
  std::optional<ItemRange> limit;
  std::vector<std::string> sample_ids;  ///< empty: all
  bool in_sample_order = false;         ///< asked as sample_ids lists them, not as the data does
  bool shuffle = false;                 ///< draw the order (and so what `limit` takes) by `seed`
  std::uint64_t seed = 42;

  // Of TestKind::kDescribe and kContext.
  std::optional<ItemRange> pictures;  ///< of the data; empty: all
  bool text_only = false;  ///< of kDescribe: the prompts without a picture are asked, too

  // How they are asked.
  /// Of TestKind::kVqa the words that questions are put in (datasets::with_prompt), empty: the data
  /// set's own; of kDescribe what is asked about every picture. kContext has its turns.
  std::string prompt;
  std::string system;  ///< a system message in front of every conversation; empty: none
  std::uint32_t max_tokens = 100;
  std::uint32_t top_log_probs = 0;
  std::uint32_t max_image_side = 1024;  ///< 0: no limit
  std::uint32_t batch = 0;          ///< most sequences decoded together; 0: the governor's choice
  std::uint32_t prefill_chunk = 0;  ///< 0: the governor's choice
  bool share_prefix = true;
  std::uint32_t group_size = 64;  ///< most questions of one group; at least 1
  bool keep_prompts = false;      ///< store rendered prompt and input ids with each answer

  // Memory.
  std::string memory;               ///< as written: "12GiB", "80%"; empty: no budget
  bool governor = true;             ///< else memory is only watched
  std::string cleanup = "auto";     ///< policies by name: memory/policies.h
  std::uint32_t cleanup_every = 0;  ///< questions between periodic clean-ups; 0: none by questions
  std::uint32_t cleanup_pictures = 0;  ///< pictures; 0: none by pictures
  std::string allow;                   ///< rungs that change answers: "tiles", "kv", both, or none

  // Time limits in seconds; 0: none.
  double question_timeout = 300;  ///< a group's deadline is this times its questions

  std::string out;                              ///< folder that run folders are made in
  bool legacy_results = false;                  ///< also write the replaced tool's JSON
  std::optional<double> fail_under;             ///< percent
  std::vector<std::string> command;             ///< the arguments, secrets replaced by "***"
  std::map<std::string, std::string> versions;  ///< "headroom", "mlx", "sqlite", …

  bool operator==(const Specification&) const = default;
};

/// {"schema": "headroom.specification/1", …}. Round trip: specification_from_json(to_json(s)) == s.
Json to_json(const Specification& spec);
/// Ignores unknown keys; a missing key keeps its default. Throws UsageError("E-SPEC") naming a
/// mistyped key, or a schema of another major version (both versions named).
Specification specification_from_json(const Json& json);

Json to_json(const ModelSpec& model);
ModelSpec model_spec_from_json(const Json& json);

/// The arguments as they may be stored: the value of every flag whose name has "key", "token" of a
/// login, "password", "secret" or "authorization", and user:password of URLs, become "***".
std::vector<std::string> without_secrets(const std::vector<std::string>& arguments);

}  // namespace headroom::run
