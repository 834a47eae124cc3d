#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include "base/errors.h"
#include "base/spelling.h"
#include "base/version.h"
#include "commands.h"
#include "console.h"
#include "console_log.h"
#include "flags.h"
#include "help.h"
#include "settings.h"

namespace headroom::cli {
namespace {

ExitCode exit_code(const Error& error) {
  if (dynamic_cast<const UsageError*>(&error) != nullptr ||
      dynamic_cast<const InputError*>(&error) != nullptr) {
    return ExitCode::kUsage;
  }
  if (dynamic_cast<const BudgetError*>(&error) != nullptr) {
    return ExitCode::kDoesNotFit;
  }
  if (dynamic_cast<const Cancelled*>(&error) != nullptr) {
    return ExitCode::kInterrupted;
  }
  return ExitCode::kInternal;
}

std::optional<std::string> read_environment(const std::string& name) {
  const char* const value = std::getenv(name.c_str());
  return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
}

ExitCode dispatch(Context& context) {
  switch (context.settings.command().bit) {
    case kVqa:
      return run_vqa(context);
    case kDescribe:
      return run_describe(context);
    case kContext:
      return run_context(context);
    case kResume:
      return run_resume(context);
    case kRuns:
      return run_runs(context);
    case kShow:
      return run_show(context);
    case kPlan:
      return run_plan(context);
    case kModels:
      return run_models(context);
    case kSetup:
      return run_setup(context);
    case kDoctor:
      return run_doctor(context);
    case kVerify:
      return run_verify(context);
    case kCompletions:
      context.console.out(completions(context.settings.positionals().front()));
      return ExitCode::kAllAnswered;
    case kReference:
      context.console.out(reference_page());
      return ExitCode::kAllAnswered;
  }
  throw InternalError("main: a command without a function");
}

const CommandInfo& command_named(const std::string& word) {
  if (const CommandInfo* const command = find_command(word)) {
    return *command;
  }
  std::vector<std::string> names;
  for (const CommandInfo& command : commands()) {
    if (!command.hidden) {
      names.emplace_back(command.name);
    }
  }
  throw UsageError(
      "E-USAGE-COMMAND",
      fmt::format("no command '{}'{}; `headroom -h` lists them", word, did_you_mean(word, names)));
}

bool is_help(const std::string& word) { return word == "-h" || word == "--help"; }

/// The console before any flag is known, for usage errors.
Console plain_console() { return Console(ConsoleOptions{}); }

/// Answers `headroom`, `-h`, `--version` and a command's help without reading any layer.
std::optional<ExitCode> answer_at_once(const std::vector<std::string>& arguments,
                                       Console& console) {
  if (arguments.size() < 2) {
    console.note(overview());
    return ExitCode::kUsage;
  }
  const std::string& first = arguments[1];
  if (first == "--version" || first == "-V" || first == "version") {
    console.out(fmt::format("headroom {}\n", kVersion));
    return ExitCode::kAllAnswered;
  }
  if (is_help(first) || first == "help") {
    console.out(arguments.size() > 2 ? long_help(command_named(arguments[2])) : overview());
    return ExitCode::kAllAnswered;
  }
  for (std::size_t i = 2; i < arguments.size(); ++i) {
    if (is_help(arguments[i])) {
      const CommandInfo& command = command_named(first);
      console.out(arguments[i] == "-h" ? short_help(command) : long_help(command));
      return ExitCode::kAllAnswered;
    }
  }
  return std::nullopt;
}

ExitCode run_command(const std::vector<std::string>& arguments) {
  const CommandInfo& command = command_named(arguments[1]);
  Settings settings =
      parse_command_line(command, std::vector<std::string>(arguments.begin() + 2, arguments.end()));
  const Environment environment = read_environment;
  add_lower_layers(settings, environment);
  const bool shows = flag("color", command.bit) != nullptr;
  Console console(shows ? console_options(settings) : ConsoleOptions{});
  SystemClock clock;
  try {
    ConsoleLog log(console, clock, shows ? settings.text("log-file") : "");
    Context context{settings, arguments, environment, console, log, clock};
    return dispatch(context);
  } catch (const Error& error) {
    console.status("");
    console.error(error);
    return exit_code(error);
  }
}

ExitCode run(const std::vector<std::string>& arguments) {
  Console console = plain_console();
  try {
    const auto answered = answer_at_once(arguments, console);
    return answered ? *answered : run_command(arguments);
  } catch (const OutputClosed&) {
    return ExitCode::kAllAnswered;
  } catch (const Error& error) {
    console.error(error);
    return exit_code(error);
  } catch (const std::bad_alloc&) {
    console.error("E-MEM-SUPERVISOR",
                  "the program itself ran out of memory; free some, then resume");
    return ExitCode::kInternal;
  } catch (const std::exception& error) {
    console.error("E-INTERNAL", fmt::format("{}; this is a bug of headroom", error.what()));
    return ExitCode::kInternal;
  }
}

/// A standard stream that was closed would give its number to the next file that is opened, which
/// then gets what is meant for the stream.
void keep_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(stream, F_GETFD) < 0 && errno == EBADF) {
      [[maybe_unused]] const int same = ::open("/dev/null", O_RDWR);  // the lowest free number
    }
  }
}

}  // namespace
}  // namespace headroom::cli

int main(int count, char** words) {
  headroom::cli::keep_standard_streams();
  std::signal(SIGPIPE, SIG_IGN);
  return static_cast<int>(headroom::cli::run(std::vector<std::string>(words, words + count)));
}
