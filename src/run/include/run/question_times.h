#pragma once

#include <vector>

#include "run/results.h"

namespace headroom::run {

/// Collects what each question took. Memory: 40 bytes a question.
class TimeTally {
 public:
  void add(const worker::PhaseSeconds& seconds);

  QuestionTimes result() const;

 private:
  std::vector<double> preprocess_;
  std::vector<double> encode_;
  std::vector<double> prefill_;
  std::vector<double> decode_;
  std::vector<double> together_;
};

}  // namespace headroom::run
