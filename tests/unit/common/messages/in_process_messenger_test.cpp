#include "common/messages/in_process_messenger.h"

#include <iterator>
#include <stdexcept>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "common/errors.h"
#include "tests/mpi/messenger_contract.h"

namespace kvcompare {
namespace {

using namespace std::chrono_literals;

class InProcessContract : public testing::TestWithParam<std::size_t> {};

TEST_P(InProcessContract, Holds) {
  InProcessExchange exchange(kContractRanks);
  std::vector<std::jthread> ranks;
  for (int r = 0; r < kContractRanks; ++r)
    ranks.emplace_back([&exchange, rank = Rank(r)] {
      try {
        const auto endpoint = exchange.endpoint(rank);
        Conversation talk(*endpoint, rank);
        kContracts[GetParam()](talk);
      } catch (const std::exception& error) {
        ADD_FAILURE() << "rank " << rank.value << ": " << error.what();
      }
    });
}

INSTANTIATE_TEST_SUITE_P(Each, InProcessContract, testing::Range(std::size_t{0}, std::size(kContracts)));

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

}  // namespace
}  // namespace kvcompare
