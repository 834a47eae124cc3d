#pragma once

#include <filesystem>

#include "datasets/item.h"
#include "json_elements.h"

namespace headroom::datasets {

/// easy-VQA's split: `folder` has questions.json, a list of [question, answer, picture number], and
/// images/N.png. Ids are "<folder's name>-<place in the list, from 0>", as in "test-0". The bare
/// question is asked. answer_type: "yes/no" or "other"; question_type: "yes/no", "shape", "color".
/// Throws UsageError for a record of another form.
class EasyVqaReader final : public DatasetReader {
 public:
  explicit EasyVqaReader(const std::filesystem::path& folder);

  std::optional<Item> next() override;

 private:
  std::filesystem::path folder_;
  std::string split_;
  JsonElements records_;
  std::uint64_t count_ = 0;
};

}  // namespace headroom::datasets
