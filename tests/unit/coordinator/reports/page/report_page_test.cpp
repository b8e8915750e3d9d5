#include "coordinator/reports/page/report_page.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/reports/page/incomparable.h"
#include "coordinator/reports/page/json_script_text.h"
#include "coordinator/reports/page/shell_command.h"
#include "tests/unit/coordinator/reports/example_comparison.h"

namespace kvcompare {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

const std::vector<Session> kNoSessions;

PageRun run_of(const Comparison& comparison, std::string name) {
  return {std::move(name), comparison, kNoSessions, {}};
}

TEST(ReportPage, IsOneFileWithDataLibraryAndLicenceAndAsksForNothing) {
  const auto comparison = example_comparison();
  const std::vector<PageRun> runs{run_of(comparison, "results")};
  const auto page = report_page(runs);
  EXPECT_THAT(page, StartsWith("<!DOCTYPE html>"));
  EXPECT_THAT(page, HasSubstr("plotly.js v"));
  EXPECT_THAT(page, HasSubstr("Permission is hereby granted"));
  EXPECT_THAT(page, HasSubstr("\"perplexity\":12.182493960703473"));
  EXPECT_THAT(page, HasSubstr("NLL of token 3 is not finite"));
  for (const auto* place : {"{{css}}", "{{licence}}", "{{data}}", "{{plotly}}", "{{script}}"})
    EXPECT_THAT(page, Not(HasSubstr(place)));
}

TEST(ScriptText, HoldsNothingThatEndsAScriptAndReadsBackTheSame) {
  const OrderedJson json = {{"</script>", "<!-- & \u2028\u2029 'é' -->"}, {"number", 0.1}};
  const auto text = script_text(json);
  EXPECT_EQ(text, R"({"\u003c/script\u003e":"\u003c!-- \u0026 \u2028\u2029 'é' --\u003e","number":0.1})");
  EXPECT_EQ(OrderedJson::parse(text), json);
}

TEST(ScriptText, KeepsOtherCharactersOfThreeBytes) {
  EXPECT_EQ(script_text(OrderedJson("€–−Δ")), "\"€–−Δ\"");
}

TEST(ShellCommand, QuotesWhatAShellWouldTakeApart) {
  EXPECT_EQ(shell_command({"kvcompare", "--threshold", "-8,-6", "a b", "it's", "", "$HOME", "~"}),
            R"(kvcompare --threshold -8,-6 'a b' 'it'\''s' '' '$HOME' '~')");
}

TEST(Incomparable, IsNothingOfOneRunOrOfTwoThatAreAlike) {
  const auto comparison = example_comparison();
  EXPECT_THAT(incomparable(std::vector{run_of(comparison, "a")}), IsEmpty());
  EXPECT_THAT(incomparable(std::vector{run_of(comparison, "a"), run_of(comparison, "b")}), IsEmpty());
}

TEST(Incomparable, NamesRunsAndWhatFollows) {
  const auto first = example_comparison();
  auto second = first, third = first;
  second.spec.chunk_size = third.spec.chunk_size = 128;
  third.inputs.data = "another hash";
  third.spec.data_path = "other.jsonl";
  EXPECT_THAT(
      incomparable(std::vector{run_of(first, "a"), run_of(second, "b"), run_of(third, "c")}),
      ElementsAre(
          StartsWith("Not the same data: a (texts.jsonl) = b ≠ c (other.jsonl). Their samples are not"),
          StartsWith("Not the same chunk_size: a (1) ≠ b (128) = c. Keys live longer")));
}

}  // namespace
}  // namespace kvcompare
