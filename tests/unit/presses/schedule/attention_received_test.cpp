#include "presses/schedule/attention_received.h"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/property/random_model.h"

namespace kvcompare {
namespace {

using Columns = std::vector<std::int32_t>;

// Beside it a list of all rows: of each key what each query gave.
void expect_sums_of_the_last(std::optional<std::int64_t> n_queries, std::mt19937_64& generator) {
  AttentionReceived received(n_queries);
  std::vector<std::vector<double>> given;  // by key that is left, then by query
  for (std::size_t query = 0; query < 40; ++query) {
    given.resize(given.size() + generator() % 3 + (given.empty() ? 1 : 0));
    const auto row = received.next_row(given.size());
    ASSERT_EQ(row.size(), given.size());
    for (std::size_t c = 0; c < given.size(); ++c) {
      given[c].resize(query, 0);
      given[c].push_back(static_cast<double>(generator() % 1000));
      row[c] += given[c].back();
    }
    Columns some, left;
    for (std::int32_t c = 0; c < std::ssize(given); ++c) {
      if (generator() % 2 == 0) some.push_back(c);
      if (generator() % 8 != 0) left.push_back(c);
    }
    std::vector<double> sums(some.size(), -1);
    received.sums(some, sums);
    const auto n = n_queries ? std::min(static_cast<std::size_t>(*n_queries), query + 1) : query + 1;
    for (std::size_t i = 0; i < some.size(); ++i) {
      double expected = 0;
      for (std::size_t q = query + 1 - n; q <= query; ++q)
        expected += given[static_cast<std::size_t>(some[i])][q];
      EXPECT_EQ(sums[i], expected) << "query " << query << ", key " << some[i];
    }
    if (query % 4 != 3) continue;
    received.keep(left);
    std::vector<std::vector<double>> stay;
    for (const auto c : left) stay.push_back(given[static_cast<std::size_t>(c)]);
    given = std::move(stay);
  }
}

TEST(AttentionReceived, IsTheSumOverTheQueriesThatCount) {
  SCOPED_TRACE("KVCOMPARE_TEST_SEED=" + std::to_string(property_seed()));
  std::mt19937_64 generator(property_seed());
  for (const auto n : {1, 2, 5, 39, 40, 100}) expect_sums_of_the_last(n, generator);
  expect_sums_of_the_last(std::nullopt, generator);
}

}  // namespace
}  // namespace kvcompare
