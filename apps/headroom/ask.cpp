#include "commands.h"
#include "data_inputs.h"
#include "model_inputs.h"
#include "new_run.h"
#include "new_specification.h"

namespace headroom::cli {

ExitCode run_test(Context& context) {
  std::vector<run::ModelSpec> models = resolve_models(context);
  const OpenedData data = open_data(context);
  return ask_new_run(context, specification(context, std::move(models), data), data.dataset);
}

}  // namespace headroom::cli
