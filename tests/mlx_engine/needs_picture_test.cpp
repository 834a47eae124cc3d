#include <gtest/gtest.h>

#include "asking.h"
#include "engine/counters.h"
#include "group_asker.h"
#include "models/loaded_model.h"

namespace headroom::mlx_worker::testing {
namespace {

namespace mx = engine::mx;

/// A family that is not asked without a picture: the demo's in all else.
class NeedsPicture final : public models::VisionLanguageModel {
 public:
  explicit NeedsPicture(std::unique_ptr<models::VisionLanguageModel> inner)
      : inner_(std::move(inner)) {}

  bool needs_picture() const override { return true; }

  const std::string& family() const override { return inner_->family(); }

  Bytes weight_bytes() const override { return inner_->weight_bytes(); }

  Bytes vision_bytes() const override { return inner_->vision_bytes(); }

  std::uint64_t parameters() const override { return inner_->parameters(); }

  mx::Dtype dtype() const override { return inner_->dtype(); }

  std::int32_t image_token() const override { return inner_->image_token(); }

  std::int32_t vocabulary() const override { return inner_->vocabulary(); }

  const std::vector<std::string>& notices() const override { return inner_->notices(); }

  std::shared_ptr<const models::PictureProcessor> processor() const override {
    return inner_->processor();
  }

  void release_vision() override { inner_->release_vision(); }

  void hold_vision() override { inner_->hold_vision(); }

  mx::array encode(std::span<const models::PreparedPicture* const> pictures,
                   const engine::Guard& guard) const override {
    ++encoded;
    return inner_->encode(pictures, guard);
  }

  std::vector<std::unique_ptr<models::PreparedPicture>> reference_pictures(
      const models::ReferenceInputs& inputs) const override {
    return inner_->reference_pictures(inputs);
  }

  std::vector<std::int32_t> reference_ids(
      std::vector<std::int32_t> ids,
      std::span<const models::PreparedPicture* const> pictures) const override {
    return inner_->reference_ids(std::move(ids), pictures);
  }

  engine::KvShape kv_shape() const override { return inner_->kv_shape(); }

  int context_tokens() const override { return inner_->context_tokens(); }

  bool in_place_cache() const override { return inner_->in_place_cache(); }

  mx::array embed(std::span<const engine::PromptToken> tokens,
                  const mx::array* features) const override {
    return inner_->embed(tokens, features);
  }

  mx::array forward(mx::array&& x,
                    const std::shared_ptr<const engine::Pass>& pass,
                    engine::KvCache& cache,
                    const std::vector<int>& wanted,
                    const engine::Guard& guard) const override {
    ++passes;
    return inner_->forward(std::move(x), pass, cache, wanted, guard);
  }

  mx::array logits(const mx::array& hidden) const override { return inner_->logits(hidden); }

  mutable int encoded = 0;
  mutable int passes = 0;

 private:
  std::unique_ptr<models::VisionLanguageModel> inner_;
};

worker::AskRequest text_only() {
  worker::AskRequest request;
  request.group = "0";
  request.items = {question("capital", "What is the capital of France?", false)};
  return request;
}

worker::Answer ask(models::LoadedModel& model, const worker::AskRequest& request) {
  const SystemClock clock;
  const engine::Guard guard;
  worker::Answer given;
  GroupAsker(model, request, guard, clock).ask({}, 0, [&given](worker::Answer&& answer) {
    given = std::move(answer);
  });
  return given;
}

TEST(NeedsPictureFamily, IsNotAskedWithoutOneAndSeesNoOtherInItsPlace) {
  models::LoadedModel model = models::LoadedModel::load(demo_model(), mx::float32, WallTime());
  auto wrapped = std::make_unique<NeedsPicture>(std::move(model.model));
  const NeedsPicture& seen = *wrapped;
  model.model = std::move(wrapped);
  const worker::Answer answer = ask(model, text_only());
  EXPECT_EQ(answer.outcome, Outcome::kSkipped);
  EXPECT_EQ(answer.error_code, "E-PICTURE-NEEDED");
  EXPECT_NE(answer.error.find("need at least 1, this one has 0"), std::string::npos)
      << answer.error;
  EXPECT_EQ(seen.encoded, 0);
  EXPECT_EQ(seen.passes, 0);
}

TEST(NeedsPictureFamily, IsNotTheDemos) {
  models::LoadedModel model = models::LoadedModel::load(demo_model(), mx::float32, WallTime());
  const worker::Answer answer = ask(model, text_only());
  EXPECT_EQ(answer.outcome, Outcome::kAnswered) << answer.error;
  EXPECT_EQ(answer.image_tokens, 0U);
}

}  // namespace
}  // namespace headroom::mlx_worker::testing
