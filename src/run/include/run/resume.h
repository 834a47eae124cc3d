#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "datasets/item.h"
#include "run/journal.h"

namespace headroom::run {

/// Creates nothing and asks nothing: makes the items of a new run durable. One pass over the data,
/// which reads every picture once (for its hash). Throws what the reader throws.
void register_items(Journal& journal, const datasets::Dataset& dataset, const Selection& selection);

/// How the data differ from what the journal was begun with, by id.
struct DataDifference {
  std::vector<std::string> changed;  ///< question, conversation or a picture's content
  std::vector<std::string> added;    ///< only where the run takes the whole data
  std::vector<std::string> removed;

  bool empty() const { return changed.empty() && added.empty() && removed.empty(); }
};

/// Reads the data and their pictures, compares them with the journal and makes it ready to go on.
/// Order, white space, names of pictures and references make no difference. References and names
/// are taken over from the data as they are now. Throws UsageError("E-DATA-CHANGED") listing ids
/// (20 of each kind, then a count) when the data differ or items have lost all their references,
/// unless `force`: then exactly the changed and added items are asked (again), and removed ones
/// leave the run. Returns what differed.
DataDifference resume_data(Journal& journal, const datasets::Dataset& dataset, bool force);

/// Throws UsageError("E-MODEL-CHANGED") naming the files that differ when the model's folder no
/// longer has the content that the specification names, unless `force`: then the specification
/// names what is there now, and check_engine_unchanged keeps whose the earlier answers are. A model
/// that has given no answer may differ: what is there now is named. Returns whether it differed
/// from what gave answers. A server has no folder: false.
bool resume_model(Journal& journal, std::uint32_t model, bool force);

/// Whether answers and memory are made alike: by the same engine, version, kind of device, number
/// format and files.
bool same_engine(const ModelRecord& before, const ModelRecord& now);

/// The engine, its version, kind of device and number format, and the model's files decide the
/// answers. `before`: as its answers so far were given; `now`: as it would go on. Throws
/// UsageError("E-ENGINE-CHANGED") with both when they differ and `before` has `answers`, unless
/// `force`. Returns what is to be kept as `earlier`: with `force` it ends with what gave the
/// answers until `time`.
std::vector<EarlierEngine> check_engine_unchanged(const ModelRecord& before,
                                                  std::uint64_t answers,
                                                  const ModelRecord& now,
                                                  const std::string& time,
                                                  bool force);

}  // namespace headroom::run
