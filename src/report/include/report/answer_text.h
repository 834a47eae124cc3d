#pragma once

#include <optional>
#include <string>

#include "run/records.h"
#include "run/runner.h"
#include "scoring/score.h"

namespace headroom::report {

/// One question as it is answered, for -v: two lines without the last line feed.
///   [12/50] test-3 (images/0.png): what color is the shape?
///     "red" · correct 1.00 of red · 0.031 s · worker 98.2 MiB
/// Of metrics that count facts: "wrong 2 of 3 facts".
std::string answer_text(const run::ItemRecord& item,
                        const run::AnswerRecord& answer,
                        const std::optional<scoring::Score>& score,
                        const run::Progress& progress);

}  // namespace headroom::report
