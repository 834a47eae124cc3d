#include "commands.h"
#include "inputs.h"
#include "new_run.h"

namespace headroom::cli {

ExitCode run_context(Context& context) {
  const std::vector<datasets::ScriptTurn> script = read_turns(context.settings);
  std::vector<run::ModelSpec> models = resolve_models(context, Unresolved::kKeep);
  const OpenedData data = open_dialogues(context, script);
  run::Specification spec = specification(context, std::move(models), data);
  spec.test = run::TestKind::kContext;
  spec.turns = script;
  if (spec.limit) {  // given in pictures, each of which has as many items
    const std::uint64_t each = datasets::items_a_picture(script);
    spec.limit = run::ItemRange{(spec.limit->first - 1) * each + 1, spec.limit->last * each};
  }
  return ask_new_run(context, std::move(spec), data.dataset);
}

}  // namespace headroom::cli
