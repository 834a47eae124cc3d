#pragma once

#include "commands.h"
#include "datasets/item.h"
#include "run/specification.h"

/// What the flags of a test say about its data.
namespace headroom::cli {

/// Data as the flags name them: their stored form, and opened.
struct OpenedData {
  run::DataSpec spec;
  datasets::Dataset dataset;
};

/// The test that a command is, or plans.
run::TestKind test_of(const Settings& settings);

/// The data of the command's test: of questions what --data, --map, --images and --prompt mean now;
/// else the pictures that --data names, to be described or talked about as take_pictures() says.
OpenedData open_data(Context& context);
/// The same data from their stored form, when a run goes on.
datasets::Dataset reopen_data(Context& context, const run::Specification& spec);

/// The flags that only tests of pictures have: `describe`, `context`. Throws UsageError for what
/// they cannot mean, and what datasets::read_script does.
void take_pictures(const Settings& settings, run::Specification& spec);

}  // namespace headroom::cli
