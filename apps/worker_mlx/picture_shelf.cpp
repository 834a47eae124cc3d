#include "picture_shelf.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <system_error>

#include "base/errors.h"
#include "base/hash.h"
#include "images/decode.h"
#include "images/resize.h"

namespace headroom::mlx_worker {
namespace {

/// How often a wait looks whether it shall stop.
constexpr std::chrono::milliseconds kLookInterval(20);

ShelfPicture make_picture(const worker::PictureRef& reference,
                          const Reduction& reduction,
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
    const images::Image reduced =
        images::limit_side(std::move(decoded.image), reduction.max_image_side);
    picture.prepared = processor.prepare(reduced, reduction.max_tiles);
  } catch (...) {
    picture.failure = std::current_exception();
  }
  return picture;
}

std::vector<ShelfPicture> make_pictures(const std::vector<worker::PictureRef>& references,
                                        const Reduction& reduction,
                                        const models::PictureProcessor& processor) {
  std::vector<ShelfPicture> pictures;
  pictures.reserve(references.size());
  for (const worker::PictureRef& reference : references) {
    pictures.push_back(make_picture(reference, reduction, processor));
  }
  return pictures;
}

Reduction reduction_of(const worker::AskRequest& request) {
  return {request.max_image_side, request.limits.max_tiles};
}

/// Size and time of a file; of one that is not there, or of none, nothing.
std::string stamp_of(const std::string& path) {
  std::error_code failure;
  const auto bytes = std::filesystem::file_size(path, failure);
  if (failure) {
    return {};
  }
  const auto written = std::filesystem::last_write_time(path, failure);
  return failure ? std::string() : fmt::format("{} {}", bytes, written.time_since_epoch().count());
}

std::string key_of(const worker::AskRequest& request) {
  Hasher hasher;
  hasher.update_field(request.group);
  hasher.update_field(pictures_key(request));
  return hasher.hex();
}

}  // namespace

std::string pictures_key(const worker::AskRequest& request) {
  Hasher hasher;
  hasher.update_field(std::to_string(request.max_image_side));
  hasher.update_field(std::to_string(request.limits.max_tiles));
  for (const worker::PictureRef& picture : request.pictures) {
    hasher.update_field(picture.path);
    hasher.update_field(picture.path.empty() ? std::string() : stamp_of(picture.path));
    hasher.update_field(picture.bytes);
  }
  return hasher.hex();
}

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
  job_.reset();
  next_.reset();
  // What is in work is waited for: its memory counts until it is gone.
  changed_.wait(lock, [this] { return !working_; });
}

void PictureShelf::prepare(const worker::AskRequest& request) {
  std::string key = key_of(request);  // reads files' stamps: not under the lock
  const std::lock_guard lock(mutex_);
  if (processor_ == nullptr) {
    return;
  }
  if (request.pictures.empty()) {
    next_.reset();
    begin_next();  // which is nothing: what is on the shelf goes
    return;
  }
  if (job_ != nullptr && job_->key == key) {
    return;
  }
  next_ = std::make_shared<Job>();
  next_->key = std::move(key);
  next_->group = request.group;
  next_->pictures = request.pictures;
  next_->reduction = reduction_of(request);
  next_->processor = processor_;
}

/// Drops the group ahead and puts the one after it into work. Under the lock.
void PictureShelf::begin_next() {
  job_ = std::move(next_);
  next_.reset();
  changed_.notify_all();
}

std::vector<ShelfPicture> PictureShelf::take(const worker::AskRequest& request) {
  std::shared_ptr<const models::PictureProcessor> processor;
  const std::string key = key_of(request);
  {
    std::unique_lock lock(mutex_);
    processor = processor_;
    if (job_ != nullptr && job_->key != key && (next_ != nullptr || job_->group == request.group)) {
      // Passed over, or prepared with other limits than it is asked with: of no use, and not to be
      // held beside.
      const std::shared_ptr<Job> job = job_;
      changed_.wait(lock, [&] { return job->done || !job->begun; });
      begin_next();
    }
    if (job_ != nullptr && job_->key == key) {
      const std::shared_ptr<Job> job = job_;
      changed_.wait(lock, [&] { return job->done; });
      begin_next();
      return std::move(job->result);
    }
    changed_.wait(lock, [this] { return !working_; });  // on what nobody wants any more
  }
  if (processor == nullptr) {
    throw InternalError("pictures: asked for without a loaded model");
  }
  std::vector<ShelfPicture> pictures =
      make_pictures(request.pictures, reduction_of(request), *processor);
  const std::lock_guard lock(mutex_);
  if (job_ == nullptr) {
    begin_next();
  }
  return pictures;
}

void PictureShelf::pass(const worker::AskRequest& request) {
  std::unique_lock lock(mutex_);
  if (next_ != nullptr && next_->group == request.group) {
    next_.reset();
  }
  if (job_ != nullptr && job_->group == request.group) {
    const std::shared_ptr<Job> job = job_;
    changed_.wait(lock, [&] { return job->done || !job->begun; });
    begin_next();
  }
}

void PictureShelf::wait_ahead(const std::function<bool()>& stop) {
  std::unique_lock lock(mutex_);
  const auto idle = [this] { return !working_ && (job_ == nullptr || job_->done); };
  while (!idle() && !stop()) {
    changed_.wait_for(lock, kLookInterval, idle);
  }
}

void PictureShelf::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stop_ || (job_ != nullptr && !job_->begun); });
    if (stop_) {
      return;
    }
    const std::shared_ptr<Job> job = job_;
    job->begun = true;
    working_ = true;
    lock.unlock();
    auto result = make_pictures(job->pictures, job->reduction, *job->processor);
    lock.lock();
    job->result = std::move(result);
    job->done = true;
    working_ = false;
    changed_.notify_all();
  }
}

}  // namespace headroom::mlx_worker
