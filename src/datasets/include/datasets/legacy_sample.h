#pragma once

#include <string>
#include <vector>

namespace headroom::datasets {

/// The question ids of VQA v2's val2014 split that the replaced tool asked, in its order: its
/// sample of 20 by seed 42.
std::vector<std::string> legacy_sample();

}  // namespace headroom::datasets
