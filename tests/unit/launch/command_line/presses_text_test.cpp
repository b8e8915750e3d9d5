#include "launch/command_line/presses_text.h"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "launch/command_line/wrapped_text.h"
#include "presses/registry.h"

namespace kvcompare {
namespace {

using testing::HasSubstr;

TEST(PressesText, NamesEveryMethodWithSummaryAndSource) {
  const std::string text = presses_text();
  for (const MethodDescription& method : methods()) {
    EXPECT_THAT(text, HasSubstr("\n" + std::string(method.name)));
    EXPECT_THAT(text, HasSubstr(std::string(method.display_name)));
    EXPECT_THAT(text, HasSubstr(std::string(method.source)));
  }
}

TEST(PressesText, ShowsParametersWithTheirDefaults) {
  const std::string text = presses_text();
  for (const char* parameter :
       {"compression_ratio=0.5", "threshold=-7", "sliding_window_size=128", "seed=42", "n_sink=4",
        "n_future_positions=512", "use_covariance=true", "kvzap_n_sink=0"})
    EXPECT_THAT(text, HasSubstr(parameter));
}

TEST(PressesText, FitsATerminal) {
  std::istringstream lines(presses_text());
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), kTextWidth) << line;
}

}  // namespace
}  // namespace kvcompare
