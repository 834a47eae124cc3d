#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "datasets/item.h"
#include "scoring/score.h"

namespace headroom::datasets {

/// What the data say is in a picture.
struct PictureFacts {
  std::vector<scoring::Fact> items;
  std::vector<std::string> colors;
  std::optional<bool> people;  ///< empty: the data do not say
  std::string summary;         ///< in one sentence, empty when there is none
  std::vector<std::pair<std::string, std::string>> questions;  ///< with their answers

  bool empty() const {
    return items.empty() && colors.empty() && !people && summary.empty() && questions.empty();
  }
};

/// One picture and what is known about it.
struct PictureEntry {
  std::string id;  ///< composed (NFC) where it comes from a file's name
  Picture picture;
  std::vector<std::string> captions;
  PictureFacts facts;
  std::uint64_t line = 0;  ///< line, record or place in the folder, from 1
  std::string defect;      ///< why there is no picture to open; the entry is kept
};

struct PictureSet {
  std::string name;   ///< "folder", "list", "glob", "picture", "captions", "coco", "scenes"
  std::string label;  ///< short, for run folders: the folder's name, the file's stem
  std::filesystem::path path;  ///< of the folder, or of the file that names the pictures
  /// Opens the same set again from any working folder: absolute.
  std::string argument;
  std::vector<PictureEntry> entries;
  std::vector<std::string> notices;
};

/// Turns the user's word into pictures. An existing path wins over a pattern.
///   DIR             the pictures in it, in natural order of their names (2 before 10): files that
///                   are named as pictures, and those that are pictures whatever their name. A file
///                   that is only named so stays in: it ends with what it is when it is asked
///                   about. Hidden files and side files (Thumbs.db) are left out. Captions and
///                   facts are taken from the one file in it named captions.*, facts.*,
///                   metadata.jsonl or scenes.json, where there is one
///   PICTURE         that one
///   PATTERN         with * ? or [ ]: the files that the pattern matches, in natural order; ids are
///                   relative to the part of the pattern before the first wildcard
///   FILE            a list, one path a line, in its order; a path that comes again counts once
///   FILE.jsonl      objects {"image", "caption" or "captions", facts}
///   FILE.json       a list of the same (scenes), or COCO's {"images", "annotations"}
/// Of one object: id (else the picture's name), captions from caption, captions, description; facts
/// from items [{"shape", "color", "position"}] (or object, attribute), colors, people, summary,
/// questions [{"question", "answer"}], at the top or under "facts". Objects without id about one
/// picture are one entry with all their captions.
/// `pictures`: where relative names start; empty: beside the file (of COCO: beside it, in the
/// folder images, or in the one that has the name of the file's split).
/// Memory: all entries, embedded pictures with their bytes.
/// One file at a time says what is in the pictures: a folder with several, a pattern or a list with
/// commas that names such files (COCO's captions of train and val together) is refused with
/// "E-DATA-FILE", naming them.
/// Throws UsageError("E-DATA-…"): nothing there (with the nearest spelling), no pictures in it, a
/// file that is none of these, broken JSON (with its line), repeated ids.
PictureSet open_picture_set(const std::string& word, const std::filesystem::path& pictures = {});

/// Leaves the set's pictures from `first` to `last`, counted from 1, both included. Throws
/// UsageError("E-DATA-EMPTY") when there are none.
void keep_range(PictureSet& set, std::uint64_t first, std::uint64_t last);

/// The set's notices, and which of its pictures cannot be asked about.
std::vector<std::string> all_notices(const PictureSet& set);

/// 2 before 10, capitals beside small letters; ties by bytes.
bool natural_less(std::string_view a, std::string_view b);

}  // namespace headroom::datasets
