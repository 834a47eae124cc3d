#pragma once

#include "commands.h"

namespace headroom::cli {

/// `doctor --memory [MODEL]`: presses the memory of a real model in a real worker from all sides
/// and says of each check what was measured. Exit code 0 when all passed, else 1. Throws what keeps
/// it from beginning: no such model, no data, no worker.
ExitCode run_memory_doctor(Context& context);

}  // namespace headroom::cli
