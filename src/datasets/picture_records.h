#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "datasets/picture_set.h"

namespace headroom::datasets {

/// What a file with captions or facts holds.
struct PictureRecords {
  std::string name;  ///< "captions", "scenes" (some entry has facts) or "coco"
  std::vector<PictureEntry> entries;
  std::vector<std::string> notices;
};

/// FILE.jsonl, or FILE.json with a list or with COCO's object, as picture_set.h says.
PictureRecords read_picture_records(const std::filesystem::path& file,
                                    const std::filesystem::path& pictures);

/// Whether the name ends as such files do: .jsonl, .ndjson, .json.
bool is_records_name(const std::filesystem::path& file);

}  // namespace headroom::datasets
