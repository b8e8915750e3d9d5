#include "common/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include "common/errors.h"

namespace kvcompare {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Log, WritesToStderrFromItsLevelOn) {
  testing::internal::CaptureStderr();
  testing::internal::CaptureStdout();
  configure_log("warning");
  spdlog::info("unimportant");
  spdlog::warn("important");
  spdlog::default_logger()->flush();
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("warning: important"));
  EXPECT_THAT(log, Not(HasSubstr("unimportant")));
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
}

TEST(Log, ShowsWhatWouldSteerATerminal) {
  testing::internal::CaptureStderr();
  configure_log("info");
  log_warning("tensor 'a\x1b[2Jb\x7f'\nnext\tline é");
  spdlog::default_logger()->flush();
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("tensor 'a\\x1b[2Jb\\x7f'\nnext\tline é"));
}

TEST(Log, RefusesALevelThatSpdlogDoesNotHave) {
  EXPECT_THROW(configure_log("loud"), ConfigError);
  EXPECT_FALSE(is_log_level("loud"));
  EXPECT_FALSE(is_log_level(""));
}

TEST(Log, KnowsTheNamesOfSpdlog) {
  EXPECT_THAT(log_level_names(),
              testing::ElementsAre("trace", "debug", "info", "warning", "error", "critical", "off"));
  for (const std::string& name : log_level_names()) EXPECT_TRUE(is_log_level(name)) << name;
  EXPECT_TRUE(is_log_level("warn"));
}

}  // namespace
}  // namespace kvcompare
