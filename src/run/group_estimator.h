#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "memory/governor.h"
#include "open_group.h"
#include "run/workload.h"

namespace headroom::run {

/// What the governor is told of each group before it is asked. Thread: one.
class GroupEstimator {
 public:
  /// Backend::plan of the run's model: pictures' sizes and the most tiles of each (0: no limit).
  using Planner =
      std::function<memory::Geometry(const std::vector<worker::PictureSize>&, std::uint32_t)>;

  /// `context_tokens`: that the model takes; 0: not known. `fewer_tiles`: also look what pictures
  /// cost with fewer tiles.
  GroupEstimator(Planner plan,
                 std::uint32_t max_tokens,
                 std::uint32_t context_tokens,
                 bool fewer_tiles)
      : plan_(std::move(plan)),
        max_tokens_(max_tokens),
        context_tokens_(context_tokens),
        fewer_tiles_(fewer_tiles) {}

  /// Of what `group.request` asks; what has been taken out of it counts for nothing.
  /// `next`: the group whose pictures would be decoded meanwhile, when there is one.
  memory::GroupFacts of(const OpenGroup& group, const std::optional<OpenGroup>& next);

  /// Takes the questions out of a group whose texts are longer than the model takes, by estimate,
  /// for a group of their own: they shall not decide how the others are asked. Empty: there are
  /// none, or no others.
  std::optional<OpenGroup> take_longer(OpenGroup& group) const;

 private:
  std::vector<memory::PictureCost> costs(const OpenGroup& group, std::uint32_t max_tiles);
  const std::vector<memory::PictureCost>& pictures(const OpenGroup& group);
  std::vector<memory::FewerTiles> with_fewer_tiles(const OpenGroup& group,
                                                   const std::vector<memory::PictureCost>& whole);

  Planner plan_;
  std::uint32_t max_tokens_;
  std::uint32_t context_tokens_;
  bool fewer_tiles_;
  std::map<std::uint32_t, PictureCosts> costs_;  ///< by most tiles
  // Of the group and the one after it: each is looked at twice.
  std::map<std::uint32_t, std::vector<memory::PictureCost>> known_;
};

}  // namespace headroom::run
