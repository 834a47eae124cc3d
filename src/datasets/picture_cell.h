#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "datasets/item.h"
#include "picture_names.h"

namespace headroom::datasets {

/// The pictures of one row, or why it has none that can be opened.
struct PictureCell {
  std::vector<Picture> pictures;
  std::string defect;
};

/// Reads what a picture field may hold: a name (relative to names.folder(), or absolute), a file:
/// address, a data: address, base64, an object {"path"} or {"bytes"} (Hugging Face's), or a list of
/// these; null is no picture. A text counts as base64 when it has 64 characters or more, all of
/// them base64's, and no such file exists, or when it is too long for a file's name. `id` names
/// pictures that have no name of their own.
PictureCell read_picture_cell(const Json& cell, const std::string& id, PictureNames& names);

}  // namespace headroom::datasets
