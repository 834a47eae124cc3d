#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "datasets/item.h"

namespace headroom::datasets {

/// Our name of a field -> the data's own: {"question", "Q"}. Names: id, image, question, answer,
/// answer_type, question_type.
using FieldMap = std::map<std::string, std::string>;

struct OpenOptions {
  std::filesystem::path assets;    ///< holds easy-vqa/; only the word "easy-vqa" needs it
  std::filesystem::path pictures;  ///< where relative picture names start; empty: the data's folder
  FieldMap map;                    ///< JSONL and JSON lists only
};

/// Reads "question=Q" and "question=Q,answer=A", one entry or several. Throws UsageError naming the
/// entry and the fields that can be mapped.
FieldMap parse_field_map(const std::vector<std::string>& entries);

/// Turns the user's word into a data set:
///   easy-vqa                        the embedded test split
///   FILE.jsonl  jsonl:FILE          one JSON object a line; FILE.json, json:FILE: a list of them
///   DIR  vqav2:DIR                  VQA v2's questions, annotations and pictures, found in DIR or
///                                   its subfolders
///   vqav2:QUESTIONS.json[,ANNOTATIONS.json]   the same, named; annotations beside it when left out
///   easy-vqa:DIR                    DIR or DIR/test with questions.json and images/
/// An existing path wins over a word. Throws UsageError("E-DATA-…"): unknown word (with the nearest
/// spelling and all that is possible), missing or unsuitable file, options that the data have no
/// use for. Reads only what it takes to recognise the data; faults inside are found by a pass over
/// the reader.
Dataset open_dataset(const std::string& word, const OpenOptions& options);

}  // namespace headroom::datasets
