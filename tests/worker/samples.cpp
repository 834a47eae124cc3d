#include "samples.h"

#include "base/iso_time.h"
#include "rpc.h"

namespace headroom::testing {

memory::Reading sample_reading() {
  memory::Reading reading;
  reading.time = WallTime(std::chrono::milliseconds(1767323045678));
  reading.active = Bytes(30'000'000);
  reading.cache = Bytes(1'000'000);
  reading.peak = Bytes(50'000'000);
  reading.worker_footprint = Bytes(90'000'000);
  reading.worker_footprint_peak = Bytes(120'000'000);
  reading.system_available = Bytes(8'000'000'000);
  return reading;
}

worker::Hello sample_hello() {
  return {.protocol = 1,
          .engine = "mlx",
          .engine_version = "0.32.4",
          .device = "cpu",
          .default_dtype = "float32",
          .capabilities = {"batch", "logprobs", "prefix", "plan", "verify", "prepare"},
          .pid = 4711,
          .reading = sample_reading()};
}

worker::PlanRequest sample_plan_request() {
  return {.model = "models/demo",
          .dtype = "float32",
          .pictures = {{64, 64, {}}, {640, 480, 1_MiB}},
          .max_image_side = 512,
          .max_tiles = 5};
}

worker::LoadRequest sample_load_request() {
  return {.model = "models/demo",
          .dtype = "bfloat16",
          .memory_limit = Bytes(400'000'000),
          .cache_limit = Bytes(32'000'000),
          .now = time_from_iso("2026-01-02T03:04:05Z")};
}

worker::Loaded sample_loaded() {
  return {.family = "smolvlm",
          .dtype = "float32",
          .parameters = 7'512'384,
          .weights = Bytes(30'049'536),
          .seconds = 0.25,
          .notices = {"template taken from chat_template.json"},
          .reading = sample_reading()};
}

worker::AskRequest sample_ask() {
  worker::AskRequest request;
  request.group = "picture-17";
  request.pictures = {{"images/17.png", "", "17.png"},
                      {"", std::string("\x89PNG\r\n\0\xff", 8), "pasted"}};
  request.max_image_side = 384;
  request.items = {{"17-0",
                    {{"system", {Part::of_text("Answer with one word.")}},
                     {"user",
                      {Part::of_image(0),
                       Part::of_image(1),
                       Part::of_text("Which colour has the circle? \"\\ \u00e9\n")}}},
                    8,
                    5,
                    true}};
  request.limits = {.batch = 4,
                    .prefill_chunk = 256,
                    .share_prefix = false,
                    .memory = Bytes(300'000'000),
                    .throttle = Bytes(200'000'000),
                    .cache = Bytes(100'000'000),
                    .deadline_seconds = 30.5,
                    .release_vision = true,
                    .max_tiles = 5,
                    .kv_bits = 8,
                    .hold = true};
  return request;
}

worker::Answer sample_answer() {
  worker::Answer answer;
  answer.group = "picture-17";
  answer.id = "17-0";
  answer.outcome = Outcome::kAnswered;
  answer.text = "teal";
  answer.token_ids = {1402, 49279};
  answer.stopped = true;
  answer.prompt_tokens = 83;
  answer.image_tokens = 64;
  answer.prefilled_tokens = 83;
  answer.log_probs = {{1402, -0.125, {{1402, -0.125}, {7, -2.5}}}, {49279, -0.5, {}}};
  answer.prompt = "<|im_start|>User:<image>Which colour\u2026";
  answer.input_ids = {1, 49190, 49190, 2};
  answer.picture_hashes = {"00112233445566778899aabbccddeeff"};
  answer.notices = {"16-bit grey reduced to its high byte"};
  answer.seconds = {0.001, 0.002, 0.003, 0.004};
  answer.before = sample_reading();
  answer.after = sample_reading();
  answer.rung = "prefill chunk 128";
  return answer;
}

worker::Answer sample_failure() {
  worker::Answer answer;
  answer.group = "picture-18";
  answer.id = "18-3";
  answer.outcome = Outcome::kImage;
  answer.error = "images/18.jpg: cut off after 1,024 of 5,120 bytes";
  answer.error_code = "E-IMG-TRUNCATED";
  return answer;
}

worker::AskDone sample_done() {
  return {.group = "picture-17",
          .answered = 9,
          .failed = 1,
          .walked_peak = 49_MiB,
          .held = 3_MiB,
          .reading = sample_reading()};
}

worker::Verified sample_verified() {
  return {.max_logit_difference = 3.5e-5,
          .expected_tokens = {1, 2, 3},
          .tokens = {1, 2, 4},
          .first_different_tap = "vision.0.attn_out",
          .tap_difference = 0.5};
}

std::vector<std::string> sample_request_lines() {
  using worker::notification_line;
  using worker::request_line;
  return {request_line(1, "hello", {{"protocol", 1}}),
          request_line(2, "plan", to_json(sample_plan_request())),
          request_line(3, "load", to_json(sample_load_request())),
          notification_line("prepare", to_json(sample_ask())),
          request_line(4, "ask", to_json(sample_ask())),
          notification_line("cancel", Json::object()),
          request_line(5, "cancel", {{"group", "picture-17"}}),
          request_line(6, "clean", {{"level", "aggressive"}}),
          request_line(7, "reading", Json::object()),
          request_line(8, "verify", to_json(worker::VerifyRequest{"golden.safetensors"})),
          request_line(9, "unload", Json::object())};
}

std::vector<std::string> sample_reply_lines() {
  using worker::notification_line;
  using worker::result_line;
  return {result_line(1, to_json(sample_hello())),
          result_line(1, to_json(sample_loaded())),
          result_line(1, to_json(sample_done())),
          result_line(1, to_json(worker::Cleaned{sample_reading(), sample_reading()})),
          result_line(1, to_json(sample_verified())),
          worker::error_line(1, worker::RpcCode::kFailed, {"budget", "E-MEM-GUARD", "too much"}),
          notification_line("answer", to_json(sample_answer())),
          notification_line("answer", to_json(sample_failure())),
          notification_line("reading",
                            to_json(worker::BusyReading{"picture-17", "decode", sample_reading()})),
          notification_line("event", {{"name", "compiled"}, {"seconds", 43.1}})};
}

}  // namespace headroom::testing
