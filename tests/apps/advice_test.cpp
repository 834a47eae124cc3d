#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "process.h"
#include "support/temporary_folder.h"

namespace headroom::test {
namespace {

/// What a refusal proposes behind this flag; empty: it does not.
std::string proposed(const std::string& text, const std::string& flag) {
  const std::size_t at = text.find("; " + flag + " ");
  if (at == std::string::npos) {
    return {};
  }
  const std::size_t begin = at + flag.size() + 3;
  return text.substr(begin, text.find(' ', begin) - begin);
}

class Advice : public ::testing::Test {
 protected:
  Finished headroom(std::vector<std::string> arguments) const {
    return run({std::move(arguments), folder_.path(), {}, {}, false});
  }

  TemporaryFolder folder_;
};

/// The program grows between its first plan, its second and its last answer; budgets between what
/// these need are where advice goes wrong.
TEST_F(Advice, ARunAtTheProposedBudgetIsAskedToItsEnd) {
  int refused = 0;
  for (int budget = 60; budget <= 67; ++budget) {
    SCOPED_TRACE(budget);
    const std::vector<std::string> command{"vqa", "--limit", "30", "-q", "--memory"};
    std::vector<std::string> first = command;
    first.push_back(std::to_string(budget) + "MiB");
    const Finished refusal = headroom(first);
    if (refusal.status != 5) {
      continue;
    }
    ++refused;
    std::vector<std::string> second = command;
    second.push_back(proposed(refusal.err, "--memory"));
    EXPECT_FALSE(second.back().empty()) << refusal.err;
    const Finished followed = headroom(second);
    EXPECT_EQ(followed.status, 0) << refusal.err << "\n" << followed.err;
  }
  EXPECT_GT(refused, 2);
}

TEST_F(Advice, ARunAsAPlanProposesIsAskedToItsEnd) {
  const std::vector<std::string> workload{"--data", "easy-vqa", "--limit", "30"};
  std::vector<std::string> plan{"plan", "--memory", "60MiB"};
  plan.insert(plan.end(), workload.begin(), workload.end());
  const Finished refusal = headroom(plan);
  ASSERT_EQ(refusal.status, 5) << refusal.out;
  std::vector<std::string> asked{"vqa", "-q", "--memory", proposed(refusal.out, "--memory")};
  asked.insert(asked.end(), workload.begin(), workload.end());
  EXPECT_EQ(headroom(asked).status, 0) << refusal.out;
}

}  // namespace
}  // namespace headroom::test
