#include "datasets/legacy_sample.h"

namespace headroom::datasets {

std::vector<std::string> legacy_sample() {
  return {"100187002", "278161005", "134483004", "117869005", "302260000", "297944003", "32364003",
          "413522004", "248069002", "145824000", "499727001", "248767004", "346214001", "143450001",
          "223174004", "455506003", "4396000",   "397303002", "406647002", "376667002"};
}

}  // namespace headroom::datasets
