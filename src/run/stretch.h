#pragma once

#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "group_estimator.h"
#include "group_window.h"
#include "open_group.h"
#include "run/runner.h"
#include "run/workload.h"
#include "scoring/score.h"

namespace headroom::run {

/// What a runner borrows for its life.
struct RunnerParts {
  Journal& journal;
  memory::Sampler& sampler;
  const worker::CancelToken& cancel;
  Clock& clock;
  Log& log;
  Observer& observer;
};

/// One model's way through what its journal has open. Thread: one.
class Stretch {
 public:
  /// `events`: what the governor has noted since the last commit; taken over by each commit.
  Stretch(const RunnerParts& parts,
          const ModelPlan& plan,
          backends::Backend& backend,
          memory::Governor& governor,
          std::vector<memory::MemoryEvent>& events);

  ModelEnd run();

 private:
  void load();
  void go_on_learning();
  void ask_all();
  void begin_ahead(GroupWindow& window);
  void set_deadline(worker::AskRequest& request) const;
  void ask_group(OpenGroup& group, const std::optional<OpenGroup>& next);
  /// Asks on lower and lower rungs until nothing is left that was stopped for want of memory.
  /// Returns the engine's last reading; empty when nothing was asked.
  std::optional<memory::Reading> ask_down_the_ladder(OpenGroup& group,
                                                     memory::GroupFacts facts,
                                                     const std::optional<OpenGroup>& next);
  /// Returns the engine's reading afterwards.
  memory::Reading ask_items(OpenGroup& group,
                            const memory::GroupDecision& decision,
                            const std::optional<OpenGroup>& next);
  void unload();
  /// Puts the outer wall where the governor wants it.
  void move_wall();

  memory::GroupDecision admit(const memory::GroupFacts& facts);
  void see_usage(const memory::MemoryEvent& event);
  void clean(const memory::CleanDecision& decision);

  void receive(worker::Answer&& answer);
  /// An answer that no model gave.
  void end_item(const ItemRecord& item, Outcome outcome, std::string code, std::string why);
  void count(const ItemRecord& item, AnswerRecord&& answer);
  /// Adds to the accuracy of the progress line.
  void judge(const ItemRecord& item, const AnswerRecord& answer);
  void end_unanswered(const OpenGroup& group,
                      Outcome outcome,
                      const std::string& code,
                      const std::string& why);
  void note_death(const backends::Death& death);
  backends::AfterDeath after_death(const backends::Death& death, const worker::AskLimits& limits);
  /// What this stretch's measured peak is compared with.
  Bytes planned_for_peak() const;
  void take_readings();
  void commit();
  void count_earlier_answers();
  Progress progress() const;
  void keep_what_arrived();
  [[noreturn]] void stop_interrupted();
  void check_cancelled() const;

  RunnerParts parts_;
  const ModelPlan& plan_;
  backends::Backend& backend_;
  memory::Governor& governor_;
  std::vector<memory::MemoryEvent>& events_;
  Specification spec_;
  bool learns_ = false;  ///< what an earlier stretch has learnt is taken over, or not wanted
  std::unique_ptr<scoring::Scorer> scorer_;
  scoring::Tally tally_;
  GroupEstimator estimator_;
  Progress progress_;
  ModelEnd end_;

  // The group in progress.
  std::optional<std::uint32_t> group_;
  std::optional<memory::GroupFacts> facts_;
  std::unordered_map<std::string, const ItemRecord*> waiting_;  ///< by id, not answered yet
  std::vector<AnswerRecord> arrived_;                           ///< not committed yet
  std::vector<backends::Death> deaths_;                         ///< not committed yet
  memory::ReadingSeries series_;                                ///< not committed yet
  std::map<std::string, std::string> stopped_;  ///< for want of memory, to be asked again: id, why
  std::optional<Bytes> planned_peak_;
  Bytes most_planned_;                     ///< of the groups that were asked; 0: none was
  std::string rung_;                       ///< on which the group is asked
  std::optional<Bytes> walked_peak_;       ///< of the group that was asked last
  Bytes held_;                             ///< by the worker, of the same
  std::optional<std::uint32_t> prepared_;  ///< group whose pictures are decoded ahead
  TimePoint asked_since_{};
  std::string asked_at_;  ///< when the group in progress was sent, ISO time; empty: it was not
  bool asking_clock_ = false;
  double seconds_ = 0;         ///< of asking, not committed yet
  std::exception_ptr failed_;  ///< what a death's commit threw; passed on at the next answer
};

}  // namespace headroom::run
