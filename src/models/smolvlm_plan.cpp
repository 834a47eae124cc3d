#include <algorithm>

#include "smolvlm.h"
#include "smolvlm_model.h"

namespace headroom::models {

memory::Geometry plan_smolvlm(const ModelFolder&, mx::Dtype, const std::vector<PictureSides>&) {
  return {};
}

}  // namespace headroom::models
