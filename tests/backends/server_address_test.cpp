#include "backends/server_address.h"

#include <gtest/gtest.h>

#include "base/errors.h"

namespace headroom::backends {
namespace {

TEST(ServerAddress, TakesEndpointsAndModelApart) {
  const ServerAddress address =
      parse_server_address("http://a:8000/v1/,https://b/openai/v1,http://c:1#org/name#x");
  EXPECT_EQ(address.endpoints,
            (std::vector<std::string>{"http://a:8000/v1", "https://b/openai/v1", "http://c:1/v1"}));
  EXPECT_EQ(address.model, "org/name#x");
  EXPECT_EQ(parse_server_address(to_string(address)), address);
  EXPECT_EQ(parse_server_address("http://[::1]:8080").endpoints.front(), "http://[::1]:8080/v1");
  EXPECT_EQ(host_of("http://[::1]:8080/v1"), "[::1]:8080");
}

TEST(ServerAddress, RefusesWhatIsNone) {
  for (const char* word : {"http://",
                           "http:///v1",
                           "http://:80/v1",
                           "http://a:/v1",
                           "http://a:0/v1",
                           "http://a:65536/v1",
                           "http://a:80x/v1",
                           "http://a/v1,b/v1",
                           "http://a/v1,",
                           "http://a/v1,http://a/v1/",
                           "http://a b/v1",
                           "http://a/v1\n",
                           "http://a/v1?key=1"}) {
    try {
      parse_server_address(word);
      ADD_FAILURE() << word;
    } catch (const UsageError& error) {
      EXPECT_EQ(error.code(), "E-SERVER-ADDRESS") << word;
    }
  }
}

TEST(ServerAddress, ShowsNoPasswordInItsRefusal) {
  try {
    parse_server_address("http://me:hunter2@host/v1#m");
    FAIL();
  } catch (const UsageError& error) {
    const std::string text = error.what();
    EXPECT_EQ(text.find("hunter2"), std::string::npos) << text;
    EXPECT_NE(text.find("HEADROOM_API_KEY"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace headroom::backends
