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
#include "common/size.h"
#include "tests/property/random_model.h"

namespace kvcompare::naive {

using kvcompare::size;

inline constexpr std::int32_t kStays = std::numeric_limits<std::int32_t>::max();

struct Shape {
  EvictionPolicy policy;
  std::int64_t n_sink = 0;  // first positions, which are never evicted
  std::int64_t n_tokens = 1;
  std::int64_t chunk_size = 1;
  std::int64_t n_last = 0;               // latest positions, which rank above every score
  std::int64_t events_from = 0;          // the tokens before are one chunk without an event
  std::int64_t events_until = n_tokens;  // the tokens from there on are chunks of one without an event
  std::int64_t n_uncounted = 0;          // first tokens that no budget counts
};

inline std::int64_t up_to(std::mt19937_64& generator, std::int64_t n) {
  return static_cast<std::int64_t>(generator() % static_cast<std::uint64_t>(n));
}

template <class T>
const T& one_of(std::mt19937_64& generator, const std::vector<T>& values) {
  return values[size(up_to(generator, std::ssize(values)))];
}

// Of a policy with one.
inline std::int64_t budget(const EvictionPolicy& policy, std::int64_t n, std::int64_t n_sink,
                           std::int64_t n_uncounted = 0) {
  const auto n_counted = n - n_uncounted;
  double mean = 0;
  if (const auto* size = std::get_if<SizeBudget>(&policy))
    mean = static_cast<double>(size->cache_size < n_counted ? size->cache_size : n_counted);
  else
    mean = static_cast<double>(n_counted) * (1 - std::get<RatioBudget>(policy).compression_ratio);
  const auto share = static_cast<std::int64_t>(static_cast<double>(n_uncounted) + mean);
  const auto n_sinks = n < n_sink ? n : n_sink;
  const auto more = share > n_sinks ? share : n_sinks;
  return more > 1 ? more : 1;
}

// Ends n of the chunks of tokens [begin, end).
inline std::vector<std::int64_t> ends(std::int64_t end, std::int64_t chunk_size, std::int64_t begin = 0) {
  std::vector<std::int64_t> ends;
  for (auto n = begin; n < end;) {
    n = n + chunk_size < end ? n + chunk_size : end;
    ends.push_back(n);
  }
  return ends;
}
// Of those that an event follows.
inline std::vector<std::int64_t> ends(const Shape& shape) {
  return ends(shape.events_until, shape.chunk_size, shape.events_from);
}

// Scores of the alive positions at the event at n; asked at every event, whether or not anything can die
// there.
using Scores = std::function<std::vector<double>(std::int64_t n, const std::vector<std::int64_t>& alive)>;

// Of the alive positions those that die at the event after n tokens, before which it was n_previous.
inline std::vector<std::int64_t> dying(const Shape& shape, std::int64_t n_previous, std::int64_t n,
                                       const std::vector<std::int64_t>& alive,
                                       const std::vector<double>& scores) {
  std::vector<std::int64_t> dead;
  const auto* threshold = std::get_if<ScoreThreshold>(&shape.policy);
  if (!threshold && !std::holds_alternative<KeepAll>(shape.policy)) {
    struct Ranked {
      int place;  // 0: a sink, 1: one of the latest, 2: by its score
      double score;
      std::int64_t position;
    };
    std::vector<Ranked> ranking;
    for (std::size_t i = 0; i < alive.size(); ++i) {
      const auto j = alive[i];
      ranking.push_back({j < shape.n_sink ? 0 : j >= n - shape.n_last ? 1 : 2, scores[i], j});
    }
    std::sort(ranking.begin(), ranking.end(), [](const Ranked& a, const Ranked& b) {
      if (a.place != b.place) return a.place < b.place;
      if (a.place == 1) return a.position > b.position;
      if (a.place == 2 && a.score != b.score) return a.score > b.score;
      return a.position < b.position;
    });
    for (auto i = budget(shape.policy, n, shape.n_sink, shape.n_uncounted); i < std::ssize(ranking); ++i)
      dead.push_back(ranking[size(i)].position);
  }
  if (threshold) {
    const auto window =
        threshold->sliding_window_size > shape.n_last ? threshold->sliding_window_size : shape.n_last;
    const auto has_left = [&](std::int64_t j, std::int64_t at) { return j < at - window; };
    for (std::size_t i = 0; i < alive.size(); ++i)
      if (alive[i] >= shape.n_sink && has_left(alive[i], n) && !has_left(alive[i], n_previous) &&
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
  for (const auto n : ends(shape)) {
    std::vector<std::int64_t> alive;
    for (std::int64_t j = 0; j < n; ++j)
      if (deaths[size(j)] == kStays) alive.push_back(j);
    for (const auto j : dying(shape, n_previous, n, alive, scores(n, alive))) deaths[size(j)] = event;
    n_previous = n;
    ++event;
  }
  return deaths;
}

// Policies whose thresholds lie among scores around `typical_score`.
inline std::vector<EvictionPolicy> policies(std::int64_t n_tokens, double typical_score) {
  std::vector<EvictionPolicy> policies;
  for (const double ratio : {0.0, 0.3, 0.5, 0.9, 0.99}) policies.emplace_back(RatioBudget{ratio});
  for (const std::int64_t cache_size : {std::int64_t{1}, std::int64_t{7}, n_tokens / 2 + 1, n_tokens + 3})
    policies.emplace_back(SizeBudget{cache_size});
  for (const std::int64_t window :
       {std::int64_t{0}, std::int64_t{1}, std::int64_t{5}, std::int64_t{100}, n_tokens + 7})
    policies.emplace_back(ScoreThreshold{.threshold = typical_score, .sliding_window_size = window});
  return policies;
}

// A random protocol and protection on top of a shape whose n_tokens and n_sink are set: decode, prefill or
// generate.
inline Shape with_protocol(std::mt19937_64& generator, Shape shape) {
  const auto context = up_to(generator, shape.n_tokens + 1);
  if (up_to(generator, 2) == 0) shape.n_last = one_of<std::int64_t>(generator, {1, 3, 9, shape.n_tokens});
  switch (up_to(generator, 3)) {
    case 0:
      break;
    case 1:
      shape.events_until = context;
      shape.chunk_size = context > 0 ? context : 1;
      break;
    default:
      shape.events_from = context;
      if (shape.n_sink < context) shape.n_sink = context;
      if (up_to(generator, 2) == 0) shape.n_uncounted = context;
  }
  return shape;
}

inline std::vector<std::int64_t> chunk_sizes(std::int64_t n_tokens) { return {1, 2, 3, 8, 64, n_tokens}; }
inline std::vector<std::int64_t> sink_counts(std::int64_t n_tokens) { return {0, 4, n_tokens + 5}; }

inline std::string to_text(const Shape& shape) {
  auto text = "KVCOMPARE_TEST_SEED=" + std::to_string(property_seed());
  if (const auto* ratio = std::get_if<RatioBudget>(&shape.policy))
    text += ", ratio " + std::to_string(ratio->compression_ratio);
  if (const auto* budget = std::get_if<SizeBudget>(&shape.policy))
    text += ", size " + std::to_string(budget->cache_size);
  if (const auto* threshold = std::get_if<ScoreThreshold>(&shape.policy))
    text += ", threshold " + std::to_string(threshold->threshold) + " beyond a window of " +
            std::to_string(threshold->sliding_window_size);
  return text + ", " + std::to_string(shape.n_tokens) + " tokens in chunks of " +
         std::to_string(shape.chunk_size) + " from " + std::to_string(shape.events_from) + " to " +
         std::to_string(shape.events_until) + ", sinks " + std::to_string(shape.n_sink) + ", latest " +
         std::to_string(shape.n_last) + ", not counted " + std::to_string(shape.n_uncounted);
}

// That every event of these deaths is the definition's, given the events before, but for scores closer than
// tolerance: rounding may decide between those.
inline void expect_close_calls_only(const Shape& shape, const Scores& scores_at,
                                    const std::vector<std::int32_t>& deaths, double tolerance) {
  std::int32_t event = 0;
  std::int64_t n_previous = 0;
  for (const auto n : ends(shape)) {
    std::vector<std::int64_t> alive, dead;
    for (std::int64_t j = 0; j < n; ++j) {
      if (deaths[size(j)] >= event) alive.push_back(j);
      if (deaths[size(j)] == event) dead.push_back(j);
    }
    const auto scores = scores_at(n, alive);
    const auto expected = dying(shape, n_previous, n, alive, scores);
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
      for (const auto j : dead)
        ASSERT_TRUE(j >= shape.n_sink && j < n - threshold->sliding_window_size && j < n - shape.n_last);
    } else {
      ASSERT_EQ(dead.size(), expected.size()) << "at " << n;
      for (const auto j : dead) ASSERT_GE(j, shape.n_sink);
      double limit = -std::numeric_limits<double>::infinity();  // highest of those that should die
      for (const auto j : expected) limit = std::max(limit, score(j));
      for (const auto j : alive) {
        if (contains(expected, j) == contains(dead, j)) continue;
        ASSERT_LT(j, n - shape.n_last) << "no rounding decides between the latest; at " << n;
        ASSERT_NEAR(score(j), limit, tolerance) << "key " << j << " at " << n;
      }
    }
    n_previous = n;
    ++event;
  }
}

}  // namespace kvcompare::naive
