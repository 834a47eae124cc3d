#include "group_asker.h"

#include <gtest/gtest.h>

#include <new>
#include <stdexcept>

#include "base/errors.h"

namespace headroom::mlx_worker::testing {
namespace {

struct FailureCase {
  const char* name;
  std::exception_ptr failure;
  Outcome outcome;
  const char* code;
};

class Failure : public ::testing::TestWithParam<FailureCase> {};

TEST_P(Failure, EndsAsAnAnswer) {
  worker::Answer answer;
  describe_failure(GetParam().failure, answer);
  EXPECT_EQ(answer.outcome, GetParam().outcome);
  EXPECT_EQ(answer.error_code, GetParam().code);
  EXPECT_FALSE(answer.error.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Kinds,
    Failure,
    ::testing::Values(
        FailureCase{"Budget",
                    std::make_exception_ptr(BudgetError("E-MEM-GUARD", "too much")),
                    Outcome::kMemory,
                    "E-MEM-GUARD"},
        FailureCase{"Picture",
                    std::make_exception_ptr(InputError("E-IMG-BROKEN", "damaged")),
                    Outcome::kImage,
                    "E-IMG-BROKEN"},
        FailureCase{"NoMemory",
                    std::make_exception_ptr(std::bad_alloc()),
                    Outcome::kMemory,
                    "E-MEM-ENGINE"},
        FailureCase{"Foreign",
                    std::make_exception_ptr(std::runtime_error("of a library")),
                    Outcome::kModel,
                    "E-INTERNAL"},
        FailureCase{"NoException", std::make_exception_ptr(42), Outcome::kModel, "E-INTERNAL"}),
    [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace headroom::mlx_worker::testing
