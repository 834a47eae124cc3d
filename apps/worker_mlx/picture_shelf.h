#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "models/vision_language_model.h"
#include "worker/messages.h"

namespace headroom::mlx_worker {

/// How far a picture is reduced; 0: not.
struct Reduction {
  std::uint32_t max_image_side = 0;
  std::uint32_t max_tiles = 0;
};

/// One picture of a group, decoded and processed, or the reason why not.
struct ShelfPicture {
  std::unique_ptr<models::PreparedPicture> prepared;
  std::string hash;  ///< of the decoded pixels
  std::vector<std::string> notices;
  std::exception_ptr failure;
};

/// Names a request's pictures and how they are processed: paths with size and time of their files,
/// or bytes, the longest side and the most tiles. Requests with the same key have the same pixels.
std::string pictures_key(const worker::AskRequest& request);

/// Decodes the next group's pictures on a thread of its own while the present group is asked.
/// Holds the pictures of at most one group ahead, so that its memory is bounded: a further one is
/// begun when those are taken, or when another group than theirs is asked.
/// Thread: any, except the destructor.
class PictureShelf {
 public:
  PictureShelf();
  ~PictureShelf();
  PictureShelf(const PictureShelf&) = delete;
  PictureShelf& operator=(const PictureShelf&) = delete;

  /// The processor of the loaded model; null, and everything on the shelf is dropped, when there is
  /// none.
  void use(std::shared_ptr<const models::PictureProcessor> processor);
  /// Returns at once; the work begins when the pictures of the group that is asked before are made,
  /// so that no two groups are decoded at one time. Of several that wait for their turn, the last
  /// stays. Without pictures: what is on the shelf is dropped.
  void prepare(const worker::AskRequest& request);
  /// The group's pictures: those prepared ahead, waiting for them if need be, or made now.
  std::vector<ShelfPicture> take(const worker::AskRequest& request);
  /// The group that is asked now does not need its pictures: what was prepared for it is dropped,
  /// what waits behind it is begun.
  void pass(const worker::AskRequest& request);
  /// Until the pictures of the group ahead are made, or `stop`, which is asked many times a second,
  /// says so.
  void wait_ahead(const std::function<bool()>& stop);

 private:
  struct Job {
    std::string key;    // group, pictures, side and tiles
    std::string group;  // which of them it is
    std::vector<worker::PictureRef> pictures;
    Reduction reduction;
    std::shared_ptr<const models::PictureProcessor> processor;
    std::vector<ShelfPicture> result;
    bool begun = false;
    bool done = false;
  };

  void begin_next();
  void work();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<const models::PictureProcessor> processor_;
  std::shared_ptr<Job> job_;   // the group ahead: waiting, in work, or done
  std::shared_ptr<Job> next_;  // the one after it, while nobody has taken that
  bool working_ = false;       // on job_, or on one that nobody wants any more
  bool stop_ = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace headroom::mlx_worker
