#pragma once

#include <string>

namespace headroom::datasets {

/// "; it is a link to X, which leads nowhere" of such a link, else nothing.
std::string dangling_link_text(const std::string& path);

}  // namespace headroom::datasets
