#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/errors.h"
#include "base/log.h"
#include "console.h"
#include "settings.h"

namespace headroom::cli {

/// What main built and every command borrows.
struct Context {
  const Settings& settings;
  const std::vector<std::string>& arguments;  ///< as the process got them, with the program's name
  const Environment& environment;
  Console& console;
  Log& log;
  Clock& clock;
};

/// The commands. They throw what the libraries throw; main turns that into messages and codes.
ExitCode run_vqa(Context& context);
ExitCode run_describe(Context& context);
ExitCode run_context(Context& context);
ExitCode run_resume(Context& context);
ExitCode run_runs(Context& context);
ExitCode run_show(Context& context);
ExitCode run_plan(Context& context);
ExitCode run_models(Context& context);
ExitCode run_doctor(Context& context);
ExitCode run_setup(Context& context);
ExitCode run_verify(Context& context);

}  // namespace headroom::cli
