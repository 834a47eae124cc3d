#pragma once

#include <string>

#include "base/json.h"
#include "run/records.h"
#include "scoring/score.h"

namespace headroom::report {

/// What was put to the model in words other than the question's own; empty: in these.
std::string asked_words(const datasets::Item& item);

/// One record "headroom.answer/1".
Json answer_json(const std::string& model,
                 const scoring::Scorer& scorer,
                 const run::ItemRecord& item,
                 const run::AnswerRecord& answer);

}  // namespace headroom::report
