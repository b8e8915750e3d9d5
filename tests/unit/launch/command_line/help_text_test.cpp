#include "launch/command_line/help_text.h"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "launch/command_line/flag_table.h"
#include "launch/command_line/wrapped_text.h"

namespace kvcompare {
namespace {

using testing::HasSubstr;

TEST(CompareHelp, NamesEveryFlagOfTheTable) {
  for (const Flag& flag : compare_flags()) EXPECT_THAT(compare_help(), HasSubstr("\n  --" + flag.name + " "));
  for (const Flag& flag : train_kvzap_flags())
    EXPECT_THAT(train_kvzap_help(), HasSubstr("\n  --" + flag.name + " "));
}

// The text with each line break and indentation as one space.
std::string unwrapped(const std::string& text) {
  std::istringstream words(text);
  std::string result;
  for (std::string word; words >> word;) result += word + " ";
  return result;
}

TEST(CompareHelp, ShowsDefaultsWithUnits) {
  const std::string help = unwrapped(compare_help());
  for (const char* text :
       {"[default: 8192 tokens]", "[default: 0.5 fraction removed]", "[default: -7 score]",
        "[default: meta-llama/Meta-Llama-3.1-8B-Instruct]", "[default: comparison_results]",
        "[default: all that are visible]", "[required]", "[default: auto]"})
    EXPECT_THAT(help, HasSubstr(text));
}

TEST(CompareHelp, ShowsTheUsageExamplesAndExitCodes) {
  const std::string help = compare_help();
  EXPECT_THAT(help, HasSubstr("--compression_ratio 0.25,0.5,0.75,0.9 --output_dir sweep\n"));
  EXPECT_THAT(help, HasSubstr("--methods kvzap,streaming_llm:n_sink=8:compression_ratio=0.9"));
  EXPECT_THAT(help, HasSubstr("--output_dir sweep --resume"));
  EXPECT_THAT(help, HasSubstr("Exit codes"));
}

TEST(Help, FitsATerminal) {
  std::istringstream lines(compare_help() + tokenize_help() + train_kvzap_help() + presses_help() +
                           finalize_help() + verify_help() + rerun_help() + report_help() + inspect_help() +
                           doctor_help() + dump_help());
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), kTextWidth) << line;
}

}  // namespace
}  // namespace kvcompare
