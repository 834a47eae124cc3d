#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "run/model_hash.h"
#include "run/records.h"

namespace headroom::run {

class Database;

/// The name of the journal within a run's folder.
inline constexpr const char* kJournalName = "run.db";
/// Of the tables that this program writes and reads. Readers accept older ones from 1 on.
inline constexpr int kJournalVersion = 4;

/// What is in a journal. Many readers and one writer may have one journal open; readers see whole
/// commits only and never hold the writer up.
/// Errors: UsageError("E-JOURNAL-MISSING", "E-JOURNAL-VERSION" (both versions),
/// "E-JOURNAL-CORRUPT") when it is opened; ResourceError("E-DISK-FULL", "E-WRITE") from the disk.
/// Thread: each object belongs to one thread.
class JournalReader {
 public:
  /// `run`: a run's folder, or its run.db.
  static JournalReader open(const std::filesystem::path& run);

  JournalReader(JournalReader&&) noexcept;
  JournalReader& operator=(JournalReader&&) noexcept;
  virtual ~JournalReader();

  const std::filesystem::path& folder() const { return folder_; }

  RunRecord run() const;
  std::vector<ModelRecord> models() const;
  std::uint64_t item_count() const;

  /// In order of `seq`, as a stream.
  void for_each_item(const std::function<void(ItemRecord&&)>& visit) const;
  /// Each item with its answer by this model, or null where there is none yet; in order of `seq`.
  /// The answers' two readings are looked up only for `kFetch`.
  enum class Readings { kSkip, kFetch };
  void for_each_answer(
      std::uint32_t model,
      Readings readings,
      const std::function<void(const ItemRecord&, const AnswerRecord*)>& visit) const;
  /// Gives the embedded pictures of an item that was read their bytes back.
  void load_pictures(datasets::Item& item) const;
  std::optional<ItemRecord> find_item(const std::string& id) const;
  std::optional<AnswerRecord> find_answer(std::uint32_t model, std::int64_t seq) const;
  /// Ids of the items without an answer, or with one that failed; at most `limit`, in order.
  std::vector<std::string> unanswered_ids(std::uint32_t model, std::size_t limit) const;
  std::uint64_t count_answers(std::uint32_t model) const;
  /// AnswerRecord::asked_at of this model's last answer; empty before the first.
  std::string last_asked_at(std::uint32_t model) const;
  /// Answers of this model that were set aside: their items changed, went, or were asked again.
  std::uint64_t superseded_count(std::uint32_t model) const;

  /// The first group from `from` on with items that this model has not answered.
  std::optional<std::uint32_t> next_open_group(std::uint32_t model, std::uint32_t from) const;
  /// The items of a group that this model has not answered, with the pictures' bytes, in order.
  std::vector<ItemRecord> open_items(std::uint32_t model, std::uint32_t group) const;

  /// In the order in which they were stored.
  void for_each_memory_event(const std::function<void(MemoryRecord&&)>& visit) const;
  /// The readings over time, in order of time; none in a journal begun before they were kept.
  void for_each_span(const std::function<void(SpanRecord&&)>& visit) const;
  /// Readings over time, memory events and deaths, all in order of time, as a stream.
  void for_each_memory_entry(const std::function<void(MemoryEntry&&)>& visit) const;
  std::vector<DeathRecord> deaths() const;
  /// Seconds spent asking groups, all stretches of the run together.
  double asking_seconds(std::uint32_t model) const;
  /// Of the stretches of this model's work the one whose peak came nearest to its own budget, or
  /// went furthest beyond it: another stretch's peak says nothing about this one's budget.
  PeakRecord nearest_peak(std::uint32_t model) const;
  /// "ok", or what SQLite's integrity check found.
  std::string integrity() const;

 protected:
  JournalReader(std::filesystem::path folder, std::unique_ptr<Database> database);

  std::filesystem::path folder_;
  std::unique_ptr<Database> database_;
};

/// The journal of a run, to write. What a member that writes has returned from is on the disk, and
/// survives the loss of the process and of the machine's power. A member that throws has changed
/// nothing. One process at a time: opening a journal whose writer lives throws
/// UsageError("E-RUN-LOCKED") naming folder and process; one whose writer died is simply opened.
class Journal final : public JournalReader {
 public:
  /// In a folder that exists and holds no journal. The run has no items yet.
  static Journal create(const std::filesystem::path& folder,
                        const std::string& id,
                        const Specification& spec,
                        const Clock& clock);
  /// To go on with. Checks the file's integrity first.
  static Journal open(const std::filesystem::path& run, const Clock& clock);

  Journal(Journal&&) noexcept;
  /// Moves the write-ahead log into the file, lets others write.
  ~Journal() override;

  /// Fills the empty journal in one commit. `each` calls its argument once for every item; an
  /// exception from it leaves the journal empty. Also sets data_hash.
  void add_items(const std::function<void(const std::function<void(const ItemRecord&)>&)>& each);

  /// Stores what is known of a model; loads and load_seconds are added up, not replaced.
  void set_model(const ModelRecord& model);
  /// What the specification says of one model, from now on.
  void set_model_spec(std::uint32_t model, const ModelSpec& spec);
  void commit(const GroupCommit& commit);
  /// GroupCommit::learnt as last committed; null: nothing.
  Json learnt(std::uint32_t model) const;
  void set_state(RunState state);
  /// The model's files have this content from now on.
  void set_fingerprint(std::uint32_t model, const ModelFingerprint& fingerprint);

  /// One commit of everything that a change of data asks for (resume.h). Answers to items that
  /// changed or went are kept apart as superseded and count no more.
  struct DataChange {
    std::vector<ItemRecord> replaced;  ///< by seq: new content, answers superseded
    std::vector<ItemRecord> touched;   ///< by seq: names, references, lines; answers stay
    std::vector<ItemRecord> added;
    std::vector<std::int64_t> removed;
  };

  void change_data(const DataChange& change);

  /// Sets failed answers aside, so that their items are asked again: the run is unfinished then.
  /// Returns how many.
  std::uint64_t set_failures_aside(std::uint32_t model);

 private:
  struct Writer;
  Journal(std::filesystem::path folder,
          std::unique_ptr<Database> database,
          std::unique_ptr<Writer> writer);

  std::unique_ptr<Writer> writer_;
};

}  // namespace headroom::run
