#include "picture_shelf.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "pictures.h"

namespace headroom::mlx_worker::testing {
namespace {

/// Notes by which thread each picture was prepared. Pictures are told apart by their width.
class CountingProcessor final : public models::PictureProcessor {
 public:
  std::unique_ptr<models::PreparedPicture> prepare(const images::Image& image,
                                                   std::uint32_t /*max_tiles*/) const override {
    std::unique_lock lock(mutex_);
    let_go_.wait(lock, [&] { return image.width != blocked_; });
    threads_[image.width].push_back(std::this_thread::get_id());
    return std::make_unique<models::PreparedPicture>();
  }

  std::string expand(const std::string& prompt,
                     std::span<const models::PreparedPicture* const>) const override {
    return prompt;
  }

  std::size_t times(std::uint32_t width) const {
    const std::lock_guard lock(mutex_);
    return threads_[width].size();
  }

  bool ahead(std::uint32_t width) const {
    const std::lock_guard lock(mutex_);
    const auto& threads = threads_[width];
    return threads.size() == 1 && threads.front() != std::this_thread::get_id();
  }

  /// Pictures of this width are not finished until another is blocked; 0: none is.
  void block(std::uint32_t width) {
    const std::lock_guard lock(mutex_);
    blocked_ = width;
    let_go_.notify_all();
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable let_go_;
  std::uint32_t blocked_ = 0;
  mutable std::map<std::uint32_t, std::vector<std::thread::id>> threads_;
};

/// Group n has one picture, n pixels wide.
worker::AskRequest group(std::uint32_t n) {
  worker::AskRequest request;
  request.group = std::to_string(n);
  request.pictures = {{{}, bmp(n, 1), "picture"}};
  return request;
}

class Shelf : public ::testing::Test {
 protected:
  Shelf() { shelf.use(processor); }

  void take(std::uint32_t n) { EXPECT_EQ(shelf.take(group(n)).size(), 1U) << n; }

  std::shared_ptr<CountingProcessor> processor = std::make_shared<CountingProcessor>();
  PictureShelf shelf;
};

TEST_F(Shelf, GroupThatIsAnnouncedBeforeTheOneAheadIsTakenWaitsForItsTurn) {
  shelf.prepare(group(2));
  take(1);
  for (std::uint32_t n = 2; n < 20; ++n) {
    shelf.prepare(group(n + 1));
    take(n);
  }
  EXPECT_EQ(processor->times(1), 1U);
  for (std::uint32_t n = 2; n < 20; ++n) {
    EXPECT_TRUE(processor->ahead(n)) << n;
  }
}

TEST_F(Shelf, GroupThatIsNeverAskedMakesRoomForTheNext) {
  shelf.prepare(group(2));
  take(1);
  shelf.prepare(group(4));
  take(3);
  take(4);
  EXPECT_TRUE(processor->ahead(4));
}

TEST_F(Shelf, GroupThatIsAskedTwiceLeavesTheOneAheadAlone) {
  shelf.prepare(group(2));
  take(1);
  take(1);
  take(2);
  EXPECT_EQ(processor->times(1), 2U);
  EXPECT_TRUE(processor->ahead(2));
}

TEST_F(Shelf, PicturesOfATurnThatGoesOnWithoutThemAreDropped) {
  shelf.prepare(group(2));
  take(1);
  shelf.wait_ahead([] { return false; });
  shelf.prepare(group(3));
  shelf.pass(group(2));
  take(3);
  EXPECT_TRUE(processor->ahead(3));
  take(2);
  EXPECT_EQ(processor->times(2), 2U);
}

TEST_F(Shelf, WhatIsPreparedAheadIsWaitedFor) {
  shelf.prepare(group(2));
  take(1);
  shelf.wait_ahead([] { return false; });
  EXPECT_EQ(processor->times(2), 1U);
}

TEST_F(Shelf, WaitEndsWhenToldTo) {
  processor->block(2);
  shelf.prepare(group(2));
  take(1);
  int asked = 0;
  shelf.wait_ahead([&] { return ++asked == 3; });
  EXPECT_EQ(asked, 3);
  EXPECT_EQ(processor->times(2), 0U);
  processor->block(0);
}

TEST_F(Shelf, AnotherModelsPicturesAreDropped) {
  shelf.prepare(group(2));
  shelf.prepare(group(3));
  const auto other = std::make_shared<CountingProcessor>();
  shelf.use(other);
  take(2);
  take(3);
  EXPECT_EQ(other->times(2), 1U);
  EXPECT_EQ(other->times(3), 1U);
}

}  // namespace
}  // namespace headroom::mlx_worker::testing
