#include "common/messages/messages.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "common/errors.h"
#include "tests/support/unit_result_changes.h"

namespace kvcompare {
namespace {

TEST(Messages, PromptsAndTheirTargetsArriveAsTheyWereSent) {
  const AssignPrompts sent{
      {{.sample = SampleIndex(7),
        .ids = {5, 6, 7, 8},
        .n_context = 2,
        .repeat_begin = 3,
        .positions = {0, 1}},
       {.sample = SampleIndex(8), .ids = {}, .n_context = 0, .repeat_begin = 0, .positions = {}}}};
  const auto received = std::get<AssignPrompts>(decode(encode(sent))).prompts;
  ASSERT_EQ(received.size(), 2u);
  EXPECT_EQ(received[0].sample, SampleIndex(7));
  EXPECT_EQ(received[0].ids, sent.prompts[0].ids);
  EXPECT_EQ(received[0].n_context, 2);
  EXPECT_EQ(received[0].repeat_begin, 3);
  EXPECT_EQ(received[0].positions, sent.prompts[0].positions);
  EXPECT_TRUE(received[1].ids.empty());

  const std::string table("\0binary\xff", 8);
  const auto targets = std::get<PromptTargets>(decode(encode(PromptTargets{SampleIndex(3), table})));
  EXPECT_EQ(targets.sample, SampleIndex(3));
  EXPECT_EQ(targets.table, table);
}

TEST(Messages, ASampleArrivesWithItsContextIfItHasOne) {
  Assign sent;
  sent.units.push_back({.unit = {SampleIndex(3), MethodIndex(0)},
                        .sample = {.index = SampleIndex(3),
                                   .ids = {1, 2, 3},
                                   .scored = {{1, 2}},
                                   .n_context = 2,
                                   .evidence = {{{0, 1}}, {}}},
                        .method = {}});
  sent.units.push_back({.unit = {SampleIndex(4), MethodIndex(0)},
                        .sample = {.index = SampleIndex(4), .ids = {1, 2, 3}},
                        .method = {}});
  sent.units[0].method.policy = SizeBudget{77};
  sent.units[0].method.shares = {LayerBudgets::kPyramid, 7.5, HeadBudgets::kAdaptive, 0.25};
  sent.units[0].method.protection = {.first = 5, .last = 6};
  const auto received = std::get<Assign>(decode(encode(sent))).units;
  ASSERT_EQ(received.size(), 2u);
  EXPECT_EQ(received[0].sample.n_context, 2);
  EXPECT_EQ(received[0].sample.scored, sent.units[0].sample.scored);
  EXPECT_EQ(received[0].sample.evidence, sent.units[0].sample.evidence);
  EXPECT_EQ(received[0].method, sent.units[0].method);
  EXPECT_FALSE(received[1].sample.n_context);
}

TEST(Messages, AHelloArrivesWithItsHashes) {
  const Hello sent{"node", "cuda:3", 4096, "0123", "4567"};
  const auto received = std::get<Hello>(decode(encode(sent)));
  EXPECT_EQ(received.host, "node");
  EXPECT_EQ(received.device, "cuda:3");
  EXPECT_EQ(received.n_tokens_at_once, 4096);
  EXPECT_EQ(received.model, "0123");
  EXPECT_EQ(received.weights, "4567");
}

TEST(Messages, WorkDoneArrivesWithItsUnitAndShare) {
  const UnitId first{SampleIndex(70000), MethodIndex(5)};
  const auto received = std::get<WorkDone>(decode(encode(WorkDone{first, 0.625})));
  EXPECT_EQ(received.first, first);
  EXPECT_EQ(received.share, 0.625);
}

// The list of changes is not that by which messages are written.
TEST(Messages, CarryEveryValueOfAResult) {
  const auto original = result_of_distinct_values();
  EXPECT_EQ(std::get<UnitResult>(decode(encode(original))), original);
  for (const auto& change : changes_of_a_result()) {
    auto changed = original;
    change.apply(changed);
    ASSERT_NE(changed, original) << change.name;
    EXPECT_EQ(std::get<UnitResult>(decode(encode(changed))), changed) << change.name;
  }
}

// Every value of each message is one that no default has.
TEST(Messages, CarryEveryValueOfEveryOtherMessage) {
  const MethodSpec method{"name",
                          "display",
                          ScoreThreshold{-1.5, 7},
                          {{"n_sink", std::int64_t{-1}},
                           {"seed", std::uint64_t{1} << 63},
                           {"share", 0.5},
                           {"is_on", true},
                           {"is_off", false},
                           {"a_scorer", "hash"}},
                          false};
  const Assign assign{
      {{{SampleIndex(1), MethodIndex(2)}, {SampleIndex(3), {4, 5}}, method}}, true, 6, method};
  const auto assigned = std::get<Assign>(decode(encode(assign)));
  ASSERT_EQ(assigned.units.size(), 1u);
  EXPECT_EQ(assigned.units[0].unit, assign.units[0].unit);
  EXPECT_EQ(assigned.units[0].sample.index, SampleIndex(3));
  EXPECT_EQ(assigned.units[0].sample.ids, (std::vector<TokenId>{4, 5}));
  EXPECT_EQ(assigned.units[0].method, method);
  EXPECT_TRUE(assigned.with_token_nll);
  EXPECT_EQ(assigned.nll_bin_width, 6);
  EXPECT_EQ(assigned.baseline, method);

  const Numerics numerics{"a", "b", "c", "d", "e", "f"};
  EXPECT_EQ(std::get<Hello>(decode(encode(Hello{"", "", 0, "", "", numerics}))).numerics, numerics);
  const auto failure =
      std::get<UnitFailure>(decode(encode(UnitFailure{{SampleIndex(1), MethodIndex(2)}, "why"})));
  EXPECT_EQ(failure.unit, (UnitId{SampleIndex(1), MethodIndex(2)}));
  EXPECT_EQ(failure.reason, "why");
  EXPECT_EQ(std::get<Acknowledge>(decode(encode(Acknowledge{3}))).n, 3);
  const auto failed = std::get<WorkerFailed>(decode(encode(WorkerFailed{ExitCode::kOutput, "why"})));
  EXPECT_EQ(failed.code, ExitCode::kOutput);
  EXPECT_EQ(failed.reason, "why");
  const auto abort = std::get<Abort>(decode(encode(Abort{ExitCode::kBadInput, "why"})));
  EXPECT_EQ(abort.code, ExitCode::kBadInput);
  EXPECT_EQ(abort.reason, "why");
  EXPECT_TRUE(std::holds_alternative<Stop>(decode(encode(Stop{}))));
  EXPECT_TRUE(std::holds_alternative<Goodbye>(decode(encode(Goodbye{}))));
}

TEST(Messages, WithAByteThatIsNeitherTrueNorFalseAreRefused) {
  const auto yes = encode(Assign{{}, true, 0}), no = encode(Assign{{}, false, 0});
  const auto place = static_cast<std::size_t>(std::ranges::mismatch(yes, no).in1 - yes.begin());
  ASSERT_LT(place, yes.size());
  auto neither = yes;
  neither[place] = 2;
  EXPECT_TRUE(std::get<Assign>(decode(yes)).with_token_nll);
  EXPECT_THROW(decode(neither), InvariantError);
}

TEST(Messages, ACutOneIsRefused) {
  auto bytes = encode(PromptTargets{SampleIndex(3), "table"});
  bytes.pop_back();
  EXPECT_THROW(decode(bytes), InvariantError);
}

}  // namespace
}  // namespace kvcompare
