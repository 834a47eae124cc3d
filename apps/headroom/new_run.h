#pragma once

#include "commands.h"
#include "datasets/item.h"
#include "run/specification.h"

namespace headroom::cli {

/// Makes a run folder with the items that the specification takes from the data, asks all its
/// models and prints the results. Models that cannot fit are refused before the folder is made, and
/// a run that was refused before its first answer leaves none. Throws what ask_all throws.
ExitCode ask_new_run(Context& context, run::Specification spec, const datasets::Dataset& dataset);

}  // namespace headroom::cli
