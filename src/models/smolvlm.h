#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "models/registry.h"

namespace headroom::models {

std::unique_ptr<VisionLanguageModel> make_smolvlm(const ModelFolder& folder,
                                                  mx::Dtype dtype,
                                                  engine::Ops::Path path);

memory::Geometry plan_smolvlm(const ModelFolder& folder,
                              mx::Dtype dtype,
                              const std::vector<PictureSides>& pictures,
                              std::uint32_t max_tiles);

}  // namespace headroom::models
