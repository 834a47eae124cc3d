#pragma once

#include <string>

namespace headroom {

/// "63.1": a share 0..1 in percent with so many decimals. Only 1 is shown as 100.0 and only 0 as
/// 0.0: 0.9996 is 99.9, 0.0001 is 0.1. A share beyond 0..1 is rounded as it is.
std::string percent_number(double share, int decimals = 1);

/// "63.1 %", likewise.
std::string percent(double share, int decimals = 1);

}  // namespace headroom
