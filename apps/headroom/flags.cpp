#include "flags.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/errors.h"

namespace headroom::cli {

namespace {

constexpr unsigned kAsking = kVqa | kResume;
constexpr unsigned kShowing = kVqa | kResume | kRuns | kShow | kPlan | kDoctor | kVerify;
constexpr unsigned kWorking = kVqa | kResume | kPlan | kDoctor | kVerify;

constexpr std::array kFlags{
    Flag{
        "model",
        'm',
        "models",
        FlagType::kTexts,
        "MODEL",
        "demo",
        "Model to ask: demo, a folder, or org/name[@revision] from the Hugging Face cache; several "
        "are asked one after another",
        kVqa | kPlan},
    Flag{"data",
         'd',
         "",
         FlagType::kText,
         "DATA",
         "easy-vqa",
         "Questions and pictures: easy-vqa, FILE.jsonl, or FORMAT:PATH such as vqav2:FOLDER",
         kVqa | kPlan},
    Flag{"map",
         0,
         "",
         FlagType::kTexts,
         "FIELD=NAME",
         "",
         "Names of the data's own fields, such as question=Q; fields: id, image, question, answer, "
         "answer_type, question_type",
         kVqa | kPlan},
    Flag{"images",
         0,
         "",
         FlagType::kText,
         "FOLDER",
         "",
         "Folder where relative picture names start; without it, the data file's own",
         kVqa | kPlan},
    Flag{"limit",
         0,
         "questions",
         FlagType::kText,
         "N|A-B",
         "",
         "Ask the first N questions, or those from A to B; counted from 1",
         kVqa | kPlan},
    Flag{"sample-id",
         0,
         "",
         FlagType::kTexts,
         "ID",
         "",
         "Ask only the questions with these ids",
         kVqa | kPlan},
    Flag{"shuffle",
         0,
         "",
         FlagType::kSwitch,
         "",
         "",
         "Ask in a random order that the seed fixes; --limit takes from that order",
         kVqa},
    Flag{"seed", 0, "", FlagType::kInteger, "N", "42", "Seed of --shuffle", kVqa},
    Flag{"max-tokens",
         0,
         "",
         FlagType::kInteger,
         "N",
         "100",
         "Most new tokens of an answer",
         kVqa | kPlan},
    Flag{"memory",
         0,
         "",
         FlagType::kText,
         "SIZE|PERCENT",
         "",
         "Budget for all processes together, such as 12GiB or 80%; without it, what is free now",
         kVqa | kResume | kPlan},
    Flag{"wall",
         0,
         "",
         FlagType::kChoice,
         "auto|kernel|watch|off",
         "auto",
         "What holds the worker at the budget from outside: the kernel's limit, the program's own "
         "watch, or nothing; auto: the kernel's where there is one",
         kVqa | kResume},
    Flag{
        "memory",
        0,
        "",
        FlagType::kSwitch,
        "",
        "",
        "About memory: show draws a run's readings over time with what was done; doctor tests that "
        "memory is kept within a budget and given back",
        kShow | kDoctor,
        true},
    Flag{"max-image-side",
         0,
         "",
         FlagType::kInteger,
         "N",
         "1024",
         "Shrink pictures whose longest side is above N pixels; 0 leaves them to the model",
         kVqa | kPlan},
    Flag{"dtype",
         0,
         "",
         FlagType::kChoice,
         "auto|float32|bfloat16|float16",
         "auto",
         "Number format of weights and arithmetic; auto: float32 on CPUs, bfloat16 on GPUs",
         kVqa | kPlan | kVerify | kDoctor},
    Flag{"batch",
         0,
         "",
         FlagType::kInteger,
         "N",
         "0",
         "Most questions about one picture answered together; 0 lets the budget decide",
         kVqa | kPlan},
    Flag{"governor",
         0,
         "",
         FlagType::kChoice,
         "auto|off",
         "auto",
         "Govern memory; off: only watch it, so that a run may exceed its budget and die",
         kVqa},
    Flag{"cleanup",
         0,
         "",
         FlagType::kText,
         "POLICIES",
         "auto",
         "When to clean up the engine's memory: auto, off, or of periodic, adaptive, dynamic, "
         "predictive those named, with commas",
         kVqa},
    Flag{"cleanup-every",
         0,
         "",
         FlagType::kInteger,
         "N",
         "0",
         "Also clean up every N questions; 0 only when memory asks for it",
         kVqa},
    Flag{"cleanup-pictures",
         0,
         "",
         FlagType::kInteger,
         "N",
         "0",
         "Also clean up every N pictures; 0 only when memory asks for it",
         kVqa},
    Flag{"allow",
         0,
         "",
         FlagType::kText,
         "tiles,kv",
         "",
         "Rather than leave a question unanswered, change answers by fewer image tiles or a KV "
         "cache "
         "in 8 bits; said with each",
         kVqa | kPlan},
    Flag{"log-probs",
         0,
         "",
         FlagType::kInteger,
         "K",
         "0",
         "Store the K most likely tokens at each place of an answer",
         kVqa},
    Flag{"metric",
         0,
         "",
         FlagType::kText,
         "NAME",
         "",
         "Scoring by exact or vqa-accuracy; without it, as the data set says",
         kVqa},
    Flag{"timeout",
         0,
         "",
         FlagType::kNumber,
         "SECONDS",
         "300",
         "Longest time for one question; a picture's questions have it together; 0 sets none",
         kVqa},
    Flag{"out",
         'o',
         "",
         FlagType::kText,
         "FOLDER",
         "runs",
         "Folder that holds the runs",
         kVqa | kResume | kRuns | kShow},
    Flag{"fail-under",
         0,
         "",
         FlagType::kNumber,
         "PERCENT",
         "",
         "Exit with 4 when a model's accuracy is below PERCENT",
         kAsking},
    Flag{"save-results",
         0,
         "",
         FlagType::kSwitch,
         "",
         "",
         "Accepted for old scripts; every run saves its results",
         kVqa},
    Flag{
        "force",
        0,
        "",
        FlagType::kSwitch,
        "",
        "",
        "Go on although data, model or engine have changed; changed questions are asked again, and "
        "results say how many answers an earlier engine gave",
        kResume},
    Flag{
        "retry-failed",
        0,
        "",
        FlagType::kSwitch,
        "",
        "",
        "Ask again what has failed so far; the failures are kept aside, and without RUN the newest "
        "run that has any is taken",
        kResume},
    Flag{"tolerance",
         0,
         "",
         FlagType::kNumber,
         "X",
         "1e-3",
         "Largest logit difference that verify accepts",
         kVerify},
    Flag{"json",
         0,
         "",
         FlagType::kSwitch,
         "",
         "",
         "Print results as JSON; nothing else comes on standard output",
         kShowing},
    Flag{"quiet", 'q', "", FlagType::kSwitch, "", "", "No progress line and no notes", kShowing},
    Flag{"verbose",
         'v',
         "",
         FlagType::kCounted,
         "",
         "",
         "Show each clean-up with its reason and what it freed; twice (-vv): each prompt as the "
         "model got it",
         kShowing},
    Flag{"color",
         0,
         "",
         FlagType::kChoice,
         "auto|always|never",
         "auto",
         "When to use colours; auto: on a terminal, unless NO_COLOR or TERM=dumb is set",
         kShowing},
    Flag{"ascii", 0, "", FlagType::kSwitch, "", "", "Print ASCII characters only", kShowing},
    Flag{"log-file",
         0,
         "",
         FlagType::kText,
         "FILE",
         "",
         "Append everything that is logged to FILE",
         kShowing},
    Flag{"assets",
         0,
         "",
         FlagType::kText,
         "FOLDER",
         "",
         "Folder with the embedded model and data; found beside the program without it",
         kWorking},
    Flag{"worker-mlx",
         0,
         "",
         FlagType::kText,
         "FILE",
         "",
         "The MLX worker's executable; found beside the program without it",
         kWorking},
};

constexpr std::array kCommands{
    CommandInfo{kVqa, "vqa", "", "Ask questions about pictures and score the answers", false},
    CommandInfo{
        kResume, "resume", "RUN?", "Go on with a stopped run (the newest unfinished one)", false},
    CommandInfo{kRuns, "runs", "", "List the runs of a folder", false},
    CommandInfo{kShow, "show", "RUN? ID?", "Show a run's results again (the newest one)", false},
    CommandInfo{
        kPlan, "plan", "", "Say whether it fits: the memory arithmetic; loads nothing", false},
    CommandInfo{kDoctor,
                "doctor",
                "MODEL?",
                "Show device, versions, memory and what is missing; with --memory, test the memory",
                false},
    CommandInfo{kVerify,
                "verify",
                "MODEL GOLDEN",
                "Compare a model's logits and tokens with a golden file",
                false},
    CommandInfo{
        kCompletions, "completions", "SHELL", "Print completions for bash, zsh or fish", false},
    CommandInfo{kReference, "reference-page", "", "Print docs/reference/cli.md", true},
};

}  // namespace

std::span<const Flag> flags() { return kFlags; }

const Flag* flag(std::string_view name, Command command) {
  bool known = false;
  for (const Flag& row : kFlags) {
    if (row.name == name && (row.commands & command) != 0) {
      return &row;
    }
    known = known || row.name == name;
  }
  if (!known) {
    throw InternalError("flags: no row called '" + std::string(name) + "'");
  }
  return nullptr;
}

std::span<const CommandInfo> commands() { return kCommands; }

const CommandInfo* find_command(std::string_view name) {
  const auto* const found = std::find_if(
      kCommands.begin(), kCommands.end(), [&](const CommandInfo& row) { return row.name == name; });
  return found == kCommands.end() ? nullptr : found;
}

std::string environment_name(const Flag& flag) {
  std::string name = "HEADROOM_" + std::string(flag.name);
  for (char& c : name) {
    c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

std::string canonical_name(std::string_view name) {
  name.remove_prefix(std::min(name.find_first_not_of('-'), name.size()));
  std::string canonical(name);
  std::replace(canonical.begin(), canonical.end(), '_', '-');
  return canonical;
}

}  // namespace headroom::cli
