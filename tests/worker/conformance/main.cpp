// Checks that a worker keeps the contract (docs/reference/worker-contract.md):
//   worker_conformance MODEL-FOLDER [--picture FILE] [--patience SECONDS] -- WORKER [ARGUMENT…]
// Prints a line for each check. Exit status 0: all hold; 1: some are broken; 2: wrong usage.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <string_view>

#include "checks.h"

int main(int argc, char** argv) {
  using namespace headroom::conformance;
  Subject subject;
  int at = 1;
  for (; at < argc && std::string_view(argv[at]) != "--"; ++at) {
    if (std::string_view(argv[at]) == "--picture" && at + 1 < argc) {
      subject.picture = argv[++at];
    } else if (std::string_view(argv[at]) == "--patience" && at + 1 < argc) {
      subject.patience = std::chrono::seconds(std::max(1, std::atoi(argv[++at])));
    } else {
      subject.model = argv[at];
    }
  }
  if (subject.model.empty() || at + 1 >= argc) {
    fmt::print(stderr,
               "usage: worker_conformance MODEL-FOLDER [--picture FILE] [--patience SECONDS] -- "
               "WORKER [ARGUMENT…]\n");
    return 2;
  }
  subject.command.program = argv[at + 1];
  subject.command.args.assign(argv + at + 2, argv + argc);
  int broken = 0;
  for (const Check& check : all_checks()) {
    try {
      check.run(subject);
      fmt::print("holds   {}\n", check.name);
    } catch (const std::exception& error) {
      ++broken;
      fmt::print("BROKEN  {}\n        {}\n", check.name, error.what());
    }
  }
  fmt::print("{} checks, {} broken\n", all_checks().size(), broken);
  return broken == 0 ? 0 : 1;
}
