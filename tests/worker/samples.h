#pragma once

#include "worker/messages.h"

namespace headroom::testing {

/// One of each message with every field set.
memory::Reading sample_reading();
worker::Hello sample_hello();
worker::PlanRequest sample_plan_request();
worker::LoadRequest sample_load_request();
worker::Loaded sample_loaded();
worker::AskRequest sample_ask();
worker::Answer sample_answer();
worker::Answer sample_failure();
worker::AskDone sample_done();
worker::Verified sample_verified();

/// Every line that either side may send, of each kind one.
std::vector<std::string> sample_request_lines();
std::vector<std::string> sample_reply_lines();

}  // namespace headroom::testing
