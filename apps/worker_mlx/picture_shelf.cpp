#include "picture_shelf.h"

#include <fmt/format.h>

#include "base/errors.h"
#include "base/hash.h"
#include "images/decode.h"
#include "images/resize.h"

namespace headroom::mlx_worker {
namespace {

ShelfPicture make_picture(const worker::PictureRef& reference,
                          std::uint32_t max_image_side,
                          const models::PictureProcessor& processor) {
  ShelfPicture picture;
  try {
    images::Decoded decoded =
        reference.path.empty()
            ? images::decode(reference.bytes, reference.name.empty() ? "picture" : reference.name)
            : images::decode_file(reference.path);
    picture.hash = images::pixel_hash(decoded.image);
    picture.notices = std::move(decoded.notices);
    // In two statements, so that the picture as decoded is gone before the reduced one is prepared.
    const images::Image reduced = images::limit_side(std::move(decoded.image), max_image_side);
    picture.prepared = processor.prepare(reduced);
  } catch (...) {
    picture.failure = std::current_exception();
  }
  return picture;
}

std::vector<ShelfPicture> make_pictures(const std::vector<worker::PictureRef>& references,
                                        std::uint32_t max_image_side,
                                        const models::PictureProcessor& processor) {
  std::vector<ShelfPicture> pictures;
  pictures.reserve(references.size());
  for (const worker::PictureRef& reference : references) {
    pictures.push_back(make_picture(reference, max_image_side, processor));
  }
  return pictures;
}

std::string key_of(const worker::AskRequest& request) {
  Hasher hasher;
  hasher.update_field(request.group);
  hasher.update_field(std::to_string(request.max_image_side));
  for (const worker::PictureRef& picture : request.pictures) {
    hasher.update_field(picture.path);
    hasher.update_field(picture.bytes);
  }
  return hasher.hex();
}

}  // namespace

PictureShelf::PictureShelf() : thread_([this] { work(); }) {}

PictureShelf::~PictureShelf() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void PictureShelf::use(std::shared_ptr<const models::PictureProcessor> processor) {
  std::unique_lock lock(mutex_);
  processor_ = std::move(processor);
  // What is in work is waited for: its memory counts until it is gone.
  changed_.wait(lock, [this] { return !begun_ || job_ == nullptr || job_->done; });
  job_.reset();
  begun_ = false;
}

void PictureShelf::prepare(const worker::AskRequest& request) {
  const std::lock_guard lock(mutex_);
  if (processor_ == nullptr || request.pictures.empty() || (job_ != nullptr && !job_->done)) {
    return;
  }
  if (job_ != nullptr && job_->key == key_of(request)) {
    return;
  }
  job_ = std::make_shared<Job>();
  job_->key = key_of(request);
  job_->pictures = request.pictures;
  job_->max_image_side = request.max_image_side;
  job_->processor = processor_;
  begun_ = false;
  changed_.notify_all();
}

std::vector<ShelfPicture> PictureShelf::take(const worker::AskRequest& request) {
  std::shared_ptr<const models::PictureProcessor> processor;
  {
    std::unique_lock lock(mutex_);
    processor = processor_;
    if (job_ != nullptr && job_->key == key_of(request)) {
      const std::shared_ptr<Job> job = job_;
      changed_.wait(lock, [&] { return job->done; });
      if (job_ == job) {
        job_.reset();
      }
      return std::move(job->result);
    }
  }
  if (processor == nullptr) {
    throw InternalError("pictures: asked for without a loaded model");
  }
  return make_pictures(request.pictures, request.max_image_side, *processor);
}

void PictureShelf::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stop_ || (job_ != nullptr && !begun_ && !job_->done); });
    if (stop_) {
      return;
    }
    begun_ = true;
    const std::shared_ptr<Job> job = job_;
    lock.unlock();
    auto result = make_pictures(job->pictures, job->max_image_side, *job->processor);
    lock.lock();
    job->result = std::move(result);
    job->done = true;
    changed_.notify_all();
  }
}

}  // namespace headroom::mlx_worker
