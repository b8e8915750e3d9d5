#include "common/messages/messages.h"

#include <gtest/gtest.h>

#include "common/errors.h"

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

TEST(Messages, ACutOneIsRefused) {
  auto bytes = encode(PromptTargets{SampleIndex(3), "table"});
  bytes.pop_back();
  EXPECT_THROW(decode(bytes), InvariantError);
}

}  // namespace
}  // namespace kvcompare
