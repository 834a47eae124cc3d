#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "open_group.h"

namespace headroom::run {

/// The groups that a model's journal has open, in order, with a look at those to come.
class GroupWindow {
 public:
  struct Waiting {
    OpenGroup group;
    bool begun = false;  ///< the engine works on it already
  };

  /// Borrows all for its life.
  GroupWindow(const Journal& journal, const Specification& spec, std::uint32_t model)
      : journal_(journal), spec_(spec), model_(model) {}

  /// The next one; empty: there is none left.
  std::optional<OpenGroup> take();

  /// Opens groups until so many wait, or none is left.
  void fill(std::size_t count);

  std::deque<Waiting>& waiting() { return waiting_; }

 private:
  const Journal& journal_;
  const Specification& spec_;
  std::uint32_t model_;
  std::uint32_t from_ = 0;
  std::deque<Waiting> waiting_;
};

/// Whether an answer that the journal is still to have stands in one of its questions.
bool needs_earlier_answer(const worker::AskRequest& request);

}  // namespace headroom::run
