#include "tests/mpi/messenger_contract.h"

#include <chrono>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "common/errors.h"

namespace kvcompare {
namespace {

using namespace std::chrono_literals;

Message assignment(std::int64_t sample, std::vector<TokenId> ids = {1, 2, 3}) {
  Assignment assignment;
  assignment.unit = {SampleIndex(sample), MethodIndex(2)};
  assignment.sample = {SampleIndex(sample), std::move(ids)};
  assignment.method = {
      "random", "Random", RatioBudget{0.25}, {{"n_sink", std::int64_t{3}}, {"seed", std::int64_t{7}}}};
  return Assign{{assignment}, true};
}

const Assignment& only_unit(const Envelope& envelope) {
  return std::get<Assign>(envelope.message).units.at(0);
}

std::vector<TokenId> counted(std::int64_t n) {
  std::vector<TokenId> ids(static_cast<std::size_t>(n));
  std::iota(ids.begin(), ids.end(), 0);
  return ids;
}

bool is_marker(const Message& message) {
  const auto* failure = std::get_if<UnitFailure>(&message);
  return failure && failure->reason == "here";
}

}  // namespace

Envelope Conversation::next() {
  for (;;) {
    auto envelope = messenger.receive(60s);
    if (!envelope) throw InvariantError("a message did not arrive");
    if (!is_marker(envelope->message)) return *envelope;
    ++n_here_;
  }
}

void Conversation::meet() {
  const Message marker = UnitFailure{UnitId{SampleIndex(0), MethodIndex(0)}, "here"};
  const int n_expected = rank == kCoordinator ? kContractRanks - 1 : 1;
  if (rank != kCoordinator) messenger.send(kCoordinator, marker);
  for (; n_here_ < n_expected; ++n_here_) {
    const auto envelope = messenger.receive(60s);
    ASSERT_TRUE(envelope && is_marker(envelope->message))
        << "rank " << rank.value << " was told more than it was to";
  }
  n_here_ = 0;
  if (rank == kCoordinator)
    for (int r = 1; r < kContractRanks; ++r) messenger.send(Rank(r), marker);
}

void delivers_what_was_sent_with_its_sender(Conversation& talk) {
  if (talk.rank == Rank(2)) talk.messenger.send(kCoordinator, Hello{"host", "cpu", 100, "0123", "4567"});
  if (talk.rank == kCoordinator) {
    const auto envelope = talk.next();
    EXPECT_EQ(envelope.from, Rank(2));
    const auto& hello = std::get<Hello>(envelope.message);
    EXPECT_EQ(hello.host, "host");
    EXPECT_EQ(hello.device, "cpu");
    EXPECT_EQ(hello.n_tokens_at_once, 100);
    EXPECT_EQ(hello.model, "0123");
    EXPECT_EQ(hello.weights, "4567");
    talk.messenger.send(Rank(2), assignment(7));
  }
  if (talk.rank == Rank(2)) {
    const auto envelope = talk.next();
    EXPECT_EQ(envelope.from, kCoordinator);
    const auto& assigned = only_unit(envelope);
    EXPECT_EQ(assigned.unit, (UnitId{SampleIndex(7), MethodIndex(2)}));
    EXPECT_EQ(assigned.sample.index, SampleIndex(7));
    EXPECT_EQ(assigned.sample.ids, (std::vector<TokenId>{1, 2, 3}));
    EXPECT_EQ(assigned.method.name, "random");
    EXPECT_EQ(assigned.method.display_name, "Random");
    EXPECT_EQ(std::get<RatioBudget>(assigned.method.policy).compression_ratio, 0.25);
    EXPECT_EQ(assigned.method.parameters,
              (std::vector<MethodParameter>{{"n_sink", std::int64_t{3}}, {"seed", std::int64_t{7}}}));
    EXPECT_TRUE(std::get<Assign>(envelope.message).with_token_nll);
  }
  talk.meet();
}

// The others wait until it has been seen.
void gives_nothing_when_nothing_comes(Conversation& talk) {
  if (talk.rank == kCoordinator) {
    EXPECT_FALSE(talk.messenger.receive(1ms));
    for (int r = 1; r < kContractRanks; ++r) talk.messenger.send(Rank(r), Stop{});
  } else {
    EXPECT_TRUE(std::holds_alternative<Stop>(talk.next().message));
  }
  talk.meet();
}

void keeps_the_order_of_each_sender(Conversation& talk) {
  constexpr std::int64_t kMessages = 500;
  if (talk.rank != kCoordinator)
    for (std::int64_t i = 0; i < kMessages; ++i)
      talk.messenger.send(kCoordinator, assignment(i, counted(i % 7 * 1000)));
  if (talk.rank == kCoordinator) {
    std::vector<std::int64_t> expected(kContractRanks, 0);
    for (std::int64_t i = 0; i < (kContractRanks - 1) * kMessages; ++i) {
      const auto envelope = talk.next();
      const auto n = expected[static_cast<std::size_t>(envelope.from.value)]++;
      EXPECT_EQ(only_unit(envelope).unit.sample.value, n);
      EXPECT_EQ(std::ssize(only_unit(envelope).sample.ids), n % 7 * 1000);
    }
  }
  talk.meet();
}

// Both send before either receives.
void sends_without_waiting_for_the_receiver(Conversation& talk) {
  constexpr std::int64_t kTokens = 1 << 20;
  if (talk.rank == Rank(2)) return talk.meet();
  const Rank other = talk.rank == kCoordinator ? Rank(1) : kCoordinator;
  for (std::int64_t i = 0; i < 4; ++i) talk.messenger.send(other, assignment(i, counted(kTokens)));
  for (std::int64_t i = 0; i < 4; ++i) {
    const auto envelope = talk.next();
    EXPECT_EQ(only_unit(envelope).unit.sample.value, i);
    EXPECT_EQ(only_unit(envelope).sample.ids, counted(kTokens));
  }
  talk.meet();
}

// A sample of 200 000 tokens, and a message of 96 MB.
void carries_messages_of_any_length(Conversation& talk) {
  for (const std::int64_t n_tokens : {0, 1, 200'000, 12'000'000}) {
    if (talk.rank == kCoordinator) talk.messenger.send(Rank(1), assignment(3, counted(n_tokens)));
    if (talk.rank == Rank(1)) {
      EXPECT_EQ(only_unit(talk.next()).sample.ids, counted(n_tokens));
    }
  }
  talk.meet();
}

void carries_every_kind_of_message(Conversation& talk) {
  if (talk.rank == Rank(1)) {
    UnitResult result;
    result.unit = {SampleIndex(1), MethodIndex(0)};
    result.numbers.n_tokens = 3;
    result.token_nll = {0.1, 1e-300};
    result.numbers.total_nll = 0.1 + 1e-300;
    result.kept.n_layers = 2;
    result.kept.n_kv_heads = 1;
    result.kept.per_head = {3, 1};
    result.kept.by_position[63] = 4;
    result.numbers.keys.peak = 6;
    result.seconds = 0.25;
    talk.messenger.send(kCoordinator, WorkDone{{SampleIndex(1), MethodIndex(3)}, 0.375});
    talk.messenger.send(kCoordinator, result);
    talk.messenger.send(kCoordinator, UnitFailure{{SampleIndex(4), MethodIndex(5)}, "not \xc3\xa4 number"});
    talk.messenger.send(kCoordinator, WorkerFailed{ExitCode::kBadInput, "gone"});
    talk.messenger.send(kCoordinator, Goodbye{});
    EXPECT_EQ(std::get<Abort>(talk.next().message).code, ExitCode::kOutput);
    EXPECT_EQ(std::get<Acknowledge>(talk.next().message).n, 17);
    EXPECT_TRUE(std::holds_alternative<Stop>(talk.next().message));
    const auto methods = std::get<Assign>(talk.next().message).units;
    EXPECT_TRUE(std::holds_alternative<KeepAll>(methods.at(0).method.policy));
    EXPECT_EQ(std::get<ScoreThreshold>(methods.at(1).method.policy).threshold, -7.5);
    EXPECT_EQ(std::get<ScoreThreshold>(methods.at(1).method.policy).sliding_window_size, 16);
  }
  if (talk.rank == kCoordinator) {
    const auto work = std::get<WorkDone>(talk.next().message);
    EXPECT_EQ(work.first, (UnitId{SampleIndex(1), MethodIndex(3)}));
    EXPECT_EQ(work.share, 0.375);
    const auto result = std::get<UnitResult>(talk.next().message);
    EXPECT_EQ(result.unit.sample, SampleIndex(1));
    EXPECT_EQ(result.numbers.n_tokens, 3);
    EXPECT_EQ(result.token_nll, (std::vector<double>{0.1, 1e-300}));
    EXPECT_EQ(result.numbers.total_nll, 0.1 + 1e-300);
    EXPECT_EQ(result.kept.n_layers, 2);
    EXPECT_EQ(result.kept.per_head, (std::vector<std::int64_t>{3, 1}));
    EXPECT_EQ(result.kept.by_position[63], 4);
    EXPECT_EQ(result.numbers.keys.peak, 6);
    EXPECT_EQ(result.seconds, 0.25);
    const auto failure = std::get<UnitFailure>(talk.next().message);
    EXPECT_EQ(failure.unit, (UnitId{SampleIndex(4), MethodIndex(5)}));
    EXPECT_EQ(failure.reason, "not \xc3\xa4 number");
    const auto failed = std::get<WorkerFailed>(talk.next().message);
    EXPECT_EQ(failed.code, ExitCode::kBadInput);
    EXPECT_EQ(failed.reason, "gone");
    EXPECT_TRUE(std::holds_alternative<Goodbye>(talk.next().message));
    talk.messenger.send(Rank(1), Abort{ExitCode::kOutput, "full"});
    talk.messenger.send(Rank(1), Acknowledge{17});
    talk.messenger.send(Rank(1), Stop{});
    Assignment all, threshold;
    threshold.method.policy = ScoreThreshold{-7.5, 16};
    talk.messenger.send(Rank(1), Assign{{all, threshold}, false});
  }
  talk.meet();
}

void refuses_a_rank_that_does_not_exist(Conversation& talk) {
  EXPECT_THROW(talk.messenger.send(Rank(kContractRanks), Stop{}), InvariantError);
  EXPECT_THROW(talk.messenger.send(Rank(-1), Stop{}), InvariantError);
  talk.meet();
}

}  // namespace kvcompare
