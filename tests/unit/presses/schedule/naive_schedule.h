// docs/semantics.md, section 2, event by event: what the schedules are measured against. Shares no code with
// presses/.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "common/run/method_spec.h"
#include "tests/property/random_model.h"

namespace kvcompare::naive {

inline constexpr std::int32_t kStays = std::numeric_limits<std::int32_t>::max();

struct Shape {
  EvictionPolicy policy;
  std::int64_t n_sink = 0;
  std::int64_t n_tokens = 1;
  std::int64_t chunk_size = 1;
};

inline std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

inline std::int64_t up_to(std::mt19937_64& generator, std::int64_t n) {
  return static_cast<std::int64_t>(generator() % static_cast<std::uint64_t>(n));
}

template <class T>
const T& one_of(std::mt19937_64& generator, const std::vector<T>& values) {
  return values[size(up_to(generator, std::ssize(values)))];
}

inline std::int64_t budget(double compression_ratio, std::int64_t n, std::int64_t n_sink) {
  const auto share = static_cast<std::int64_t>(static_cast<double>(n) * (1 - compression_ratio));
  const auto n_sinks = n < n_sink ? n : n_sink;
  const auto more = share > n_sinks ? share : n_sinks;
  return more > 1 ? more : 1;
}

// Ends n of the chunks of a sample.
inline std::vector<std::int64_t> ends(std::int64_t n_tokens, std::int64_t chunk_size) {
  std::vector<std::int64_t> ends;
  for (std::int64_t n = 0; n < n_tokens;) {
    n = n + chunk_size < n_tokens ? n + chunk_size : n_tokens;
    ends.push_back(n);
  }
  return ends;
}

// Scores of the alive positions at the event at n; asked at every event, whether or not anything can die
// there.
using Scores = std::function<std::vector<double>(std::int64_t n, const std::vector<std::int64_t>& alive)>;

// Of the alive positions those that die at the event after n tokens, before which it was n_previous.
inline std::vector<std::int64_t> dying(const EvictionPolicy& policy, std::int64_t n_sink,
                                       std::int64_t n_previous, std::int64_t n,
                                       const std::vector<std::int64_t>& alive,
                                       const std::vector<double>& scores) {
  std::vector<std::int64_t> dead;
  if (const auto* ratio = std::get_if<RatioBudget>(&policy)) {
    struct Ranked {
      bool is_sink;
      double score;
      std::int64_t position;
    };
    std::vector<Ranked> ranking;
    for (std::size_t i = 0; i < alive.size(); ++i)
      ranking.push_back({alive[i] < n_sink, scores[i], alive[i]});
    std::sort(ranking.begin(), ranking.end(), [](const Ranked& a, const Ranked& b) {
      if (a.is_sink != b.is_sink) return a.is_sink;
      if (!a.is_sink && a.score != b.score) return a.score > b.score;
      return a.position < b.position;
    });
    for (auto i = budget(ratio->compression_ratio, n, n_sink); i < std::ssize(ranking); ++i)
      dead.push_back(ranking[size(i)].position);
  }
  if (const auto* threshold = std::get_if<ScoreThreshold>(&policy)) {
    const auto has_left = [&](std::int64_t j, std::int64_t at) {
      return j < at - threshold->sliding_window_size;
    };
    for (std::size_t i = 0; i < alive.size(); ++i)
      if (alive[i] >= n_sink && has_left(alive[i], n) && !has_left(alive[i], n_previous) &&
          scores[i] < threshold->threshold)
        dead.push_back(alive[i]);
  }
  return dead;
}

// Death times.
inline std::vector<std::int32_t> schedule(const Shape& shape, const Scores& scores) {
  std::vector<std::int32_t> deaths(size(shape.n_tokens), kStays);
  std::int32_t event = 0;
  std::int64_t n_previous = 0;
  for (const auto n : ends(shape.n_tokens, shape.chunk_size)) {
    std::vector<std::int64_t> alive;
    for (std::int64_t j = 0; j < n; ++j)
      if (deaths[size(j)] == kStays) alive.push_back(j);
    for (const auto j : dying(shape.policy, shape.n_sink, n_previous, n, alive, scores(n, alive)))
      deaths[size(j)] = event;
    n_previous = n;
    ++event;
  }
  return deaths;
}

// Policies whose thresholds lie among scores around `typical_score`.
inline std::vector<EvictionPolicy> policies(std::int64_t n_tokens, double typical_score) {
  std::vector<EvictionPolicy> policies;
  for (const double ratio : {0.0, 0.3, 0.5, 0.9, 0.99}) policies.emplace_back(RatioBudget{ratio});
  for (const std::int64_t window :
       {std::int64_t{0}, std::int64_t{1}, std::int64_t{5}, std::int64_t{100}, n_tokens + 7})
    policies.emplace_back(ScoreThreshold{.threshold = typical_score, .sliding_window_size = window});
  return policies;
}

inline std::vector<std::int64_t> chunk_sizes(std::int64_t n_tokens) { return {1, 2, 3, 8, 64, n_tokens}; }
inline std::vector<std::int64_t> sink_counts(std::int64_t n_tokens) { return {0, 4, n_tokens + 5}; }

inline std::string to_text(const Shape& shape) {
  auto text = "KVCOMPARE_TEST_SEED=" + std::to_string(property_seed());
  if (const auto* ratio = std::get_if<RatioBudget>(&shape.policy))
    text += ", ratio " + std::to_string(ratio->compression_ratio);
  if (const auto* threshold = std::get_if<ScoreThreshold>(&shape.policy))
    text += ", threshold " + std::to_string(threshold->threshold) + " beyond a window of " +
            std::to_string(threshold->sliding_window_size);
  return text + ", " + std::to_string(shape.n_tokens) + " tokens in chunks of " +
         std::to_string(shape.chunk_size) + ", sinks " + std::to_string(shape.n_sink);
}

// That every event of these deaths is the definition's, given the events before, but for scores closer than
// tolerance: rounding may decide between those.
inline void expect_close_calls_only(const Shape& shape, const Scores& scores_at,
                                    const std::vector<std::int32_t>& deaths, double tolerance) {
  std::int32_t event = 0;
  std::int64_t n_previous = 0;
  for (const auto n : ends(shape.n_tokens, shape.chunk_size)) {
    std::vector<std::int64_t> alive, dead;
    for (std::int64_t j = 0; j < n; ++j) {
      if (deaths[size(j)] >= event) alive.push_back(j);
      if (deaths[size(j)] == event) dead.push_back(j);
    }
    const auto scores = scores_at(n, alive);
    const auto expected = dying(shape.policy, shape.n_sink, n_previous, n, alive, scores);
    const auto score = [&](std::int64_t j) {
      return scores[size(std::ranges::find(alive, j) - alive.begin())];
    };
    const auto contains = [](const std::vector<std::int64_t>& list, std::int64_t j) {
      return std::ranges::find(list, j) != list.end();
    };
    if (const auto* threshold = std::get_if<ScoreThreshold>(&shape.policy)) {
      for (const auto j : alive) {
        if (contains(expected, j) == contains(dead, j)) continue;
        ASSERT_NEAR(score(j), threshold->threshold, tolerance) << "key " << j << " at " << n;
      }
      for (const auto j : dead) ASSERT_TRUE(j >= shape.n_sink && j < n - threshold->sliding_window_size);
    } else {
      ASSERT_EQ(dead.size(), expected.size()) << "at " << n;
      for (const auto j : dead) ASSERT_GE(j, shape.n_sink);
      double limit = -std::numeric_limits<double>::infinity();  // highest of those that should die
      for (const auto j : expected) limit = std::max(limit, score(j));
      for (const auto j : alive) {
        if (contains(expected, j) == contains(dead, j)) continue;
        ASSERT_NEAR(score(j), limit, tolerance) << "key " << j << " at " << n;
      }
    }
    n_previous = n;
    ++event;
  }
}

}  // namespace kvcompare::naive
