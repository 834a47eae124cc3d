#pragma once

#include <string>

#include "base/json.h"
#include "run/records.h"
#include "scoring/score.h"

namespace headroom::report {

/// One record "headroom.answer/1".
Json answer_json(const std::string& model,
                 const scoring::Scorer& scorer,
                 const run::ItemRecord& item,
                 const run::AnswerRecord& answer);

}  // namespace headroom::report
