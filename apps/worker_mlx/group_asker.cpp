#include "group_asker.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "base/errors.h"
#include "engine/counters.h"
#include "engine/evaluate.h"
#include "engine/foreign.h"
#include "trim.h"

namespace headroom::mlx_worker {
namespace {

namespace mx = engine::mx;

/// Without white space at either end.
std::string stripped(const std::string& text) {
  constexpr const char* kSpace = " \t\r\n\f\v";
  const auto from = text.find_first_not_of(kSpace);
  return from == std::string::npos ? ""
                                   : text.substr(from, text.find_last_not_of(kSpace) - from + 1);
}

std::vector<worker::TokenLogProb> to_log_probs(std::vector<engine::TokenChoice>&& choices) {
  std::vector<worker::TokenLogProb> log_probs;
  log_probs.reserve(choices.size());
  for (engine::TokenChoice& choice : choices) {
    log_probs.push_back({choice.token, choice.log_prob, std::move(choice.top)});
  }
  return log_probs;
}

bool starts_with(const std::string& code, std::string_view prefix) {
  return code.starts_with(prefix);
}

Outcome outcome_of(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const BudgetError&) {
    return Outcome::kMemory;
  } catch (const ResourceError& error) {
    return starts_with(error.code(), "E-IMG-MEMORY") ? Outcome::kMemory : Outcome::kModel;
  } catch (const engine::DeadlineError&) {
    return Outcome::kTimeout;
  } catch (const Cancelled&) {
    return Outcome::kSkipped;
  } catch (const InputError& error) {
    if (error.code() == kPictureNeeded) {
      return Outcome::kSkipped;
    }
    const bool picture = starts_with(error.code(), "E-IMG") || error.code() == "E-PROMPT-IMAGES";
    return picture ? Outcome::kImage : Outcome::kModel;
  } catch (const std::bad_alloc&) {
    return Outcome::kMemory;
  } catch (...) {
    return Outcome::kModel;
  }
}

}  // namespace

void describe_failure(const std::exception_ptr& failure, worker::Answer& answer) {
  answer.outcome = outcome_of(failure);
  try {
    std::rethrow_exception(failure);
  } catch (const Error& error) {
    answer.error = error.what();
    answer.error_code = error.code();
  } catch (const std::exception& error) {
    answer.error = error.what();
    answer.error_code = answer.outcome == Outcome::kMemory ? "E-MEM-ENGINE" : "E-INTERNAL";
  } catch (...) {
    answer.error = "an exception that says nothing about itself";
    answer.error_code = "E-INTERNAL";
  }
}

bool may_continue(const worker::AskRequest& request,
                  const std::string& pictures_key,
                  const HeldTurn& held) {
  return request.items.size() == 1 && request.limits.share_prefix &&
         request.limits.kv_bits == held.kv_bits && pictures_key == held.pictures_key;
}

GroupAsker::GroupAsker(models::LoadedModel& model,
                       const worker::AskRequest& request,
                       const engine::Guard& guard,
                       const Clock& clock)
    : model_(model), text_(model.asking()), request_(request), guard_(guard), clock_(clock) {}

void GroupAsker::ask(std::vector<ShelfPicture>&& pictures,
                     double preprocess_seconds,
                     const Give& give) {
  const TimePoint start = clock_.now();
  pictures_ = std::move(pictures);
  give_ = give;
  build_all();
  shared_.preprocess = preprocess_seconds + seconds(clock_.now() - start);
  answer_open();
}

void GroupAsker::ask(HeldTurn&& held, const MakePictures& pictures, const Give& give) {
  const TimePoint start = clock_.now();
  pictures_ = std::move(held.pictures);
  cache_ = std::move(held.cache);
  give_ = give;
  build_all();
  if (!reuses()) {
    cache_.reset();
    engine::clear_cache();
    if (!open_.empty()) {  // else it has its answer, a failure
      open_.clear();
      placed_.clear();
      std::vector<ShelfPicture> made = pictures();
      ask(std::move(made), seconds(clock_.now() - start), give);
      return;
    }
  }
  shared_.preprocess = seconds(clock_.now() - start);
  answer_open();
}

/// Whether the prompt begins with tokens that are held, all image tokens among them.
bool GroupAsker::reuses() const {
  if (!cache_ || open_.size() != 1) {
    return false;
  }
  const auto& prompt = open_.front().sequence.prompt;
  const auto held = static_cast<std::ptrdiff_t>(cache_->reusable(prompt));
  return held > 0 &&
         std::all_of(prompt.begin() + held, prompt.end(), [](const engine::PromptToken& token) {
           return token.feature < 0;
         });
}

bool GroupAsker::holds() const {
  return request_.limits.hold && request_.limits.share_prefix && request_.items.size() == 1;
}

std::optional<HeldTurn> GroupAsker::take_held(std::string pictures_key) {
  if (!cache_) {
    return std::nullopt;
  }
  return HeldTurn{std::move(pictures_key),
                  request_.limits.kv_bits,
                  std::move(pictures_),
                  *std::exchange(cache_, std::nullopt)};
}

void GroupAsker::build_all() {
  place_pictures();
  open_.reserve(request_.items.size());
  for (const worker::AskItem& item : request_.items) {
    build(item);
  }
}

void GroupAsker::answer_open() {
  std::exception_ptr failure;
  try {
    const std::optional<mx::array> features = encode();
    generate(features ? &*features : nullptr);
  } catch (...) {
    failure = std::current_exception();
  }
  if (failure) {
    // The arrays of the broken evaluation are gone by now; what still runs is waited for.
    const bool kept = std::exchange(cache_, std::nullopt).has_value();
    engine::settle();
    if (kept) {
      engine::clear_cache();
    }
    if (request_.limits.release_vision) {
      release_vision();
    }
    try {
      engine::rethrow_translated(failure, fmt::format("group '{}'", request_.group));
    } catch (...) {
      fail_open(std::current_exception());
    }
  }
}

/// Features are laid out picture after picture; broken ones take no place.
void GroupAsker::place_pictures() {
  std::int32_t next = 0;
  for (const ShelfPicture& picture : pictures_) {
    placed_.push_back({picture.prepared.get(), next});
    next += picture.prepared ? static_cast<std::int32_t>(picture.prepared->features) : 0;
  }
}

/// Opens an item, or hands over its failure.
void GroupAsker::build(const worker::AskItem& item) {
  Open open;
  open.item = &item;
  worker::Answer& answer = open.answer;
  answer.group = request_.group;
  answer.id = item.id;
  try {
    const auto named = models::pictures_of(item.conversation);
    const std::set<std::size_t> used(named.begin(), named.end());
    if (used.empty() && model_.model->needs_picture()) {
      throw InputError(std::string(kPictureNeeded),
                       fmt::format("family {} is not asked without a picture: its conversations "
                                   "need at least 1, this one has 0",
                                   model_.model->family()));
    }
    for (const std::size_t index : used) {
      if (index < pictures_.size()) {
        const ShelfPicture& picture = pictures_[index];
        if (picture.failure) {
          std::rethrow_exception(picture.failure);
        }
        answer.picture_hashes.push_back(picture.hash);
        answer.notices.insert(answer.notices.end(), picture.notices.begin(), picture.notices.end());
      }
    }
    answer.rung = reductions(used);
    models::Prompt prompt = models::build_prompt(item.conversation,
                                                 placed_,
                                                 *model_.model,
                                                 *text_.processor,
                                                 text_.chat_template,
                                                 text_.tokenizer);
    models::check_tokens(prompt.tokens, model_.model->vocabulary());
    answer.prompt_tokens = static_cast<std::uint32_t>(prompt.tokens.size());
    answer.image_tokens = prompt.image_tokens;
    if (item.want_prompt) {
      answer.prompt = prompt.text;
      for (const engine::PromptToken& token : prompt.tokens) {
        answer.input_ids.push_back(token.id);
      }
    }
    const auto context = static_cast<std::uint32_t>(model_.model->context_tokens());
    if (answer.prompt_tokens >= context) {
      const bool by_text =
          answer.image_tokens == 0 || answer.prompt_tokens - answer.image_tokens >= context;
      throw InputError("E-CONTEXT",
                       fmt::format("the prompt has {} tokens, {} of them image tokens; the model "
                                   "takes {}: {}",
                                   answer.prompt_tokens,
                                   answer.image_tokens,
                                   context,
                                   by_text ? "the text alone is too long: shorten the question"
                                           : "shorten the question, or reduce the picture with "
                                             "--max-image-side"));
    }
    open.sequence = {std::move(prompt.tokens),
                     std::min(std::max(item.max_tokens, 1U), context - answer.prompt_tokens),
                     item.top_log_probs};
    open_.push_back(std::move(open));
  } catch (...) {
    describe_failure(std::current_exception(), answer);
    hand_over(open);
  }
}

/// What the limits take from an item with these pictures.
std::string GroupAsker::reductions(const std::set<std::size_t>& pictures) const {
  std::vector<std::string> all;
  if (request_.limits.release_vision) {
    all.emplace_back("vision tower released");
  }
  std::uint32_t tiles = 0;
  std::uint32_t whole = 0;
  for (const std::size_t index : pictures) {
    if (index < pictures_.size()) {
      tiles += pictures_[index].prepared->tiles;
      whole += pictures_[index].prepared->whole_tiles;
    }
  }
  if (tiles < whole) {
    all.push_back(fmt::format("image tiles {} -> {}", whole, tiles));
  }
  if (request_.limits.kv_bits != 0) {
    all.push_back(fmt::format("KV cache of {} bits", request_.limits.kv_bits));
  }
  return fmt::format("{}", fmt::join(all, ", "));
}

/// The cache of the allocator goes too: of what is encoded and of what is generated, each finds the
/// other's memory free.
void GroupAsker::release_vision() {
  model_.model->release_vision();
  engine::clear_cache();
  trim_heap();
}

/// What stays is how the pictures stand in a prompt, where the next turn may need that.
void GroupAsker::drop_pixels() {
  if (!holds()) {
    pictures_.clear();
  }
  for (const ShelfPicture& picture : pictures_) {
    if (picture.prepared) {
      picture.prepared->drop_pixels();
    }
  }
}

/// Features of all pictures that an open item looks at, unless they are in the held cache.
std::optional<mx::array> GroupAsker::encode() {
  const TimePoint start = clock_.now();
  bool wanted = false;
  for (const Open& open : open_) {
    wanted = wanted || (open.answer.image_tokens > 0 && !cache_);
  }
  std::vector<const models::PreparedPicture*> prepared;
  for (const ShelfPicture& picture : pictures_) {
    if (picture.prepared) {
      prepared.push_back(picture.prepared.get());
    }
  }
  const bool release = request_.limits.release_vision;
  if (!wanted || prepared.empty()) {
    drop_pixels();
    if (release) {
      release_vision();
    }
    return std::nullopt;
  }
  if (release) {
    engine::clear_cache();  // of the group before
  }
  model_.model->hold_vision();
  mx::array features = model_.model->encode(prepared, guard_);
  engine::evaluate(features);
  drop_pixels();
  if (release) {
    release_vision();
  }
  shared_.encode = seconds(clock_.now() - start);
  return features;
}

void GroupAsker::generate(const mx::array* features) {
  if (open_.empty()) {
    return;
  }
  std::vector<engine::Sequence> sequences;
  sequences.reserve(open_.size());
  for (Open& open : open_) {
    sequences.push_back(std::move(open.sequence));
  }
  const engine::Generator generator(*model_.model, text_.stops.ids, clock_);
  const engine::GenerationLimits limits{static_cast<int>(request_.limits.batch),
                                        static_cast<int>(request_.limits.prefill_chunk),
                                        request_.limits.share_prefix,
                                        request_.limits.kv_bits != 0,
                                        holds()};
  generator.run(
      sequences,
      features,
      limits,
      guard_,
      [this](std::size_t index, engine::Continuation&& continuation) {
        finish(open_[index], std::move(continuation));
      },
      cache_);
}

void GroupAsker::finish(Open& open, engine::Continuation&& continuation) {
  worker::Answer& answer = open.answer;
  answer.seconds.prefill = continuation.prefill_seconds;
  answer.seconds.decode = continuation.decode_seconds;
  answer.prefilled_tokens = continuation.prefilled;
  if (continuation.failure) {
    describe_failure(continuation.failure, answer);
  } else {
    answer.outcome = Outcome::kAnswered;
    answer.stopped = continuation.stopped;
    std::vector<std::int32_t> words = continuation.tokens;
    if (continuation.stopped) {
      words.pop_back();
    }
    answer.text = stripped(text_.tokenizer.decode(words, true));
    answer.token_ids = std::move(continuation.tokens);
    answer.log_probs = to_log_probs(std::move(continuation.choices));
  }
  hand_over(open);
}

void GroupAsker::fail_open(const std::exception_ptr& failure) {
  for (Open& open : open_) {
    if (open.item != nullptr) {
      describe_failure(failure, open.answer);
      hand_over(open);
    }
  }
}

void GroupAsker::hand_over(Open& open) {
  const auto share = static_cast<double>(std::max<std::size_t>(request_.items.size(), 1));
  open.answer.seconds.preprocess = shared_.preprocess / share;
  open.answer.seconds.encode = shared_.encode / share;
  open.item = nullptr;
  give_(std::move(open.answer));
}

}  // namespace headroom::mlx_worker
