#include "server_failure.h"

#include <gtest/gtest.h>

#include "support/jsonl_table.h"

namespace headroom::backends {
namespace {

class ServerFailure : public ::testing::TestWithParam<Json> {};

http::End end_of(const std::string& name) {
  for (const http::End end : {http::End::kResponse,
                              http::End::kUnreachable,
                              http::End::kBroken,
                              http::End::kTimeout,
                              http::End::kCertificate,
                              http::End::kTooLarge,
                              http::End::kNotHttp}) {
    if (http::to_string(end) == name) {
      return end;
    }
  }
  throw std::runtime_error("no such end: " + name);
}

TEST_P(ServerFailure, IsJudgedAsTheTableSays) {
  const Json& row = GetParam();
  http::Response response;
  response.end = end_of(row["end"]);
  response.status = row["status"];
  response.body = row["body"];
  response.error = row["error"];
  const Failure failure = judge(response, std::nullopt);
  EXPECT_EQ(to_string(failure.outcome), row["outcome"].get<std::string>()) << failure.text;
  EXPECT_EQ(failure.code, row["code"]) << failure.text;
  EXPECT_EQ(to_string(failure.next), row["next"].get<std::string>()) << failure.text;
  for (const std::string word : row["words"]) {
    EXPECT_NE(failure.text.find(word), std::string::npos) << word << " in: " << failure.text;
  }
}

INSTANTIATE_TEST_SUITE_P(Table,
                         ServerFailure,
                         ::testing::ValuesIn(test::read_jsonl_table(
                             std::string(HEADROOM_TEST_DATA) + "/backends/server_failures.jsonl")),
                         [](const ::testing::TestParamInfo<Json>& row) {
                           std::string name;
                           for (const char c : row.param.at("name").get<std::string>()) {
                             name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
                           }
                           return name;
                         });

TEST(ServerFailureInDisguise, IsTheServersWhateverItsWords) {
  http::Response response;
  response.end = http::End::kResponse;
  response.status = 200;
  ServerFault fault;
  fault.text = "out of memory";
  Failure failure = judge(response, fault);
  EXPECT_EQ(failure.outcome, Outcome::kServer);
  EXPECT_EQ(failure.next, Next::kRetry);
  fault.code = 400;
  failure = judge(response, fault);
  EXPECT_EQ(failure.outcome, Outcome::kServer);
  EXPECT_EQ(failure.next, Next::kSettle);
}

}  // namespace
}  // namespace headroom::backends
