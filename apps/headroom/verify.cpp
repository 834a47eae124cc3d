#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <filesystem>

#include "asking.h"
#include "commands.h"
#include "model_inputs.h"

namespace headroom::cli {

ExitCode run_verify(Context& context) {
  const auto& words = context.settings.positionals();
  const std::filesystem::path golden = std::filesystem::absolute(words[1]);
  if (!std::filesystem::is_regular_file(golden)) {
    throw UsageError("E-GOLDEN", fmt::format("{}: no such file", words[1]));
  }
  const run::ModelSpec model = resolve_one_model(context, words[0]);
  const auto backend = make_backend(context, model);
  backend->load({model.folder, model.dtype, std::nullopt, std::nullopt});
  const worker::Verified verified = backend->verify({golden.string()});
  const double tolerance = context.settings.number("tolerance");
  const bool near =
      std::isfinite(verified.max_logit_difference) && verified.max_logit_difference <= tolerance;
  const bool same = verified.tokens == verified.expected_tokens;
  if (context.settings.on("json")) {
    context.console.out(dump_json({{"schema", "headroom.verify/1"},
                                   {"model", model.name},
                                   {"golden", golden.string()},
                                   {"max_logit_difference", verified.max_logit_difference},
                                   {"tolerance", tolerance},
                                   {"tokens", verified.tokens},
                                   {"expected_tokens", verified.expected_tokens},
                                   {"first_different_tap", verified.first_different_tap},
                                   {"tap_difference", verified.tap_difference},
                                   {"same", near && same}}) +
                        "\n");
  } else {
    std::string text = fmt::format("largest logit difference {:.3g} ({} {:g})\n",
                                   verified.max_logit_difference,
                                   near ? "within" : "beyond",
                                   tolerance);
    text += fmt::format("tokens   {}\n", fmt::join(verified.tokens, " "));
    text += fmt::format("expected {}\n", fmt::join(verified.expected_tokens, " "));
    if (!verified.first_different_tap.empty()) {
      text += fmt::format("first difference at {}: {:.3g}\n",
                          verified.first_different_tap,
                          verified.tap_difference);
    }
    context.console.out(text + (near && same ? "same\n" : "different\n"));
  }
  return near && same ? ExitCode::kAllAnswered : ExitCode::kBelowFailUnder;
}

}  // namespace headroom::cli
