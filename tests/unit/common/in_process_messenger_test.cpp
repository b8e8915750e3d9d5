#include "common/in_process_messenger.h"

#include <stdexcept>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "common/errors.h"

namespace kvcompare {
namespace {

using namespace std::chrono_literals;

Message assignment(std::int64_t sample) {
  Assignment assignment;
  assignment.unit = {SampleIndex(sample), MethodIndex(2)};
  assignment.sample = {SampleIndex(sample), {1, 2, 3}};
  assignment.method.name = "random";
  return Assign{{assignment}};
}

TEST(InProcessMessenger, DeliversWhatWasSentWithItsSender) {
  InProcessExchange exchange(3);
  const auto coordinator = exchange.endpoint(Rank(0));
  const auto worker = exchange.endpoint(Rank(2));
  worker->send(Rank(0), Hello{"cpu", 100});
  const auto hello = coordinator->receive(1s);
  ASSERT_TRUE(hello);
  EXPECT_EQ(hello->from, Rank(2));
  EXPECT_EQ(std::get<Hello>(hello->message).device, "cpu");
  coordinator->send(Rank(2), assignment(7));
  const auto envelope = worker->receive(1s);
  ASSERT_TRUE(envelope);
  const auto& assign = std::get<Assign>(envelope->message).units.at(0);
  EXPECT_EQ(assign.unit, (UnitId{SampleIndex(7), MethodIndex(2)}));
  EXPECT_EQ(assign.sample.ids, (std::vector<TokenId>{1, 2, 3}));
  EXPECT_EQ(assign.method.name, "random");
}

TEST(InProcessMessenger, GivesNothingWhenNothingComes) {
  InProcessExchange exchange(2);
  EXPECT_FALSE(exchange.endpoint(Rank(1))->receive(1ms));
}

TEST(InProcessMessenger, KeepsTheOrderOfEachSender) {
  constexpr std::int64_t kMessages = 500;
  InProcessExchange exchange(4);
  std::vector<std::jthread> senders;
  for (std::int64_t rank = 1; rank < 4; ++rank)
    senders.emplace_back([&exchange, rank] {
      const auto endpoint = exchange.endpoint(Rank(rank));
      for (std::int64_t i = 0; i < kMessages; ++i) endpoint->send(Rank(0), assignment(i));
    });
  const auto coordinator = exchange.endpoint(Rank(0));
  std::vector<std::int64_t> next(4, 0);
  for (std::int64_t i = 0; i < 3 * kMessages; ++i) {
    const auto envelope = coordinator->receive(10s);
    ASSERT_TRUE(envelope);
    const auto from = static_cast<std::size_t>(envelope->from.value);
    EXPECT_EQ(std::get<Assign>(envelope->message).units.at(0).unit.sample.value, next[from]++);
  }
  EXPECT_FALSE(coordinator->receive(1ms));
}

TEST(InProcessMessenger, WakesEveryoneWhenAThreadDies) {
  InProcessExchange exchange(2);
  const auto coordinator = exchange.endpoint(Rank(0));
  std::jthread dying([&] { exchange.abort(std::make_exception_ptr(std::runtime_error("first cause"))); });
  EXPECT_THROW(coordinator->receive(std::chrono::hours(1)),
               std::runtime_error);  // the test's own time limit is shorter
  exchange.abort(std::make_exception_ptr(InvariantError("second cause")));
  EXPECT_THROW(coordinator->send(Rank(1), Stop{}), std::runtime_error);
  try {
    coordinator->receive(1ms);
    FAIL() << "no exception";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "first cause");
  }
}

TEST(InProcessMessenger, RefusesARankThatDoesNotExist) {
  InProcessExchange exchange(2);
  EXPECT_THROW(exchange.endpoint(Rank(0))->send(Rank(2), Stop{}), InvariantError);
}

}  // namespace
}  // namespace kvcompare
