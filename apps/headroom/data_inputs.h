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

/// What --data, --map, --images and --prompt mean now.
OpenedData open_data(Context& context);
/// The same data from their stored form, when a run goes on.
datasets::Dataset reopen_data(Context& context, const run::Specification& spec);

/// The pictures that --data names, to be described or talked about as take_pictures() says.
OpenedData open_pictures(Context& context);

/// The flags that only `describe` or `context` have. Throws UsageError for what they cannot mean,
/// and what datasets::read_script does.
void take_pictures(const Settings& settings, run::Specification& spec);

}  // namespace headroom::cli
