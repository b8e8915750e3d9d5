#include "launch/command_line/help_topic.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/errors.h"
#include "launch/command_line/command_line.h"
#include "launch/command_line/flag_table.h"
#include "launch/command_line/help_text.h"
#include "launch/command_line/subcommand_table.h"
#include "presses/registry.h"
#include "tests/support/error_of.h"

namespace kvcompare {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string help(const std::vector<std::string>& topics) {
  std::vector<std::string> arguments{"help"};
  arguments.insert(arguments.end(), topics.begin(), topics.end());
  return std::get<ShowTextCommand>(parse_command_line(arguments)).text;
}

TEST(HelpTopic, IsASubcommand) {
  EXPECT_EQ(help({}), compare_help());
  EXPECT_EQ(help({"compare"}), compare_help());
  EXPECT_EQ(help({"doctor"}), doctor_help());
  EXPECT_EQ(help({"train-kvzap"}), train_kvzap_help());
  for (const std::string& name : subcommand_names())
    EXPECT_THAT(help({name}), HasSubstr("kvcompare")) << name;
}

TEST(HelpTopic, IsAFlagInAnySpelling) {
  EXPECT_THAT(help({"methods"}), StartsWith("kvcompare compare\n  --methods A,B,..."));
  EXPECT_EQ(help({"--chunk-size"}), help({"chunk_size"}));
  EXPECT_THAT(help({"chunk_size"}), Not(HasSubstr("--max_length")));
  for (const Flag& flag : compare_flags()) EXPECT_THAT(help({flag.name}), HasSubstr("--" + flag.name));
}

TEST(HelpTopic, ShowsAFlagOfTwoSubcommandsForBothIfItDiffers) {
  EXPECT_THAT(help({"seed"}), HasSubstr("kvcompare train_kvzap\n  --seed"));
  EXPECT_THAT(help({"device"}), Not(HasSubstr("train_kvzap")));
}

TEST(HelpTopic, IsAMethod) {
  EXPECT_THAT(help({"knorm"}), StartsWith("knorm  (part of `every`, not of `all`)\n"));
  EXPECT_EQ(help({"StreamingLLM"}), help({"streaming_llm"}));
  for (const MethodDescription& method : methods())
    EXPECT_THAT(help({std::string(method.name)}), HasSubstr("score"));
}

TEST(HelpTopic, RefusesAnotherOneNamingTheNearest) {
  EXPECT_EQ(
      error_of<ConfigError>([] { help({"doctr"}); }).what(),
      std::string("help: 'doctr' is no topic; did you mean doctor? Give a subcommand, a flag or a method "
                  "(kvcompare --help, kvcompare presses)"));
  EXPECT_THAT(error_of<ConfigError>([] { help({"a", "b"}); }).what(), HasSubstr("one topic too many"));
}

}  // namespace
}  // namespace kvcompare
