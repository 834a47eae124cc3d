#include "commands.h"
#include "inputs.h"
#include "new_run.h"

namespace headroom::cli {

ExitCode run_describe(Context& context) {
  std::vector<run::ModelSpec> models = resolve_models(context, Unresolved::kKeep);
  const OpenedData data = open_pictures(context);
  return ask_new_run(context, specification(context, std::move(models), data), data.dataset);
}

}  // namespace headroom::cli
