// Expects all counts of two results to be equal, and names those that differ.
#pragma once

#include <gtest/gtest.h>

#include "common/run/unit_result.h"

namespace kvcompare {

inline void expect_same_counts(const UnitResult& actual, const UnitResult& expected) {
  EXPECT_EQ(actual.numbers.n_tokens, expected.numbers.n_tokens);
  const auto &keys = actual.numbers.keys, &expected_keys = expected.numbers.keys;
  EXPECT_EQ(keys.original, expected_keys.original);
  EXPECT_EQ(keys.kept, expected_keys.kept);
  EXPECT_EQ(keys.attended, expected_keys.attended);
  EXPECT_EQ(keys.attendable, expected_keys.attendable);
  EXPECT_EQ(keys.withheld_from_scored, expected_keys.withheld_from_scored);
  EXPECT_EQ(keys.compressible, expected_keys.compressible);
  EXPECT_EQ(keys.compressible_kept, expected_keys.compressible_kept);
  EXPECT_EQ(keys.peak, expected_keys.peak);
  EXPECT_EQ(keys, expected_keys);
  EXPECT_EQ(actual.kept.n_layers, expected.kept.n_layers);
  EXPECT_EQ(actual.kept.n_kv_heads, expected.kept.n_kv_heads);
  EXPECT_EQ(actual.kept.per_head, expected.kept.per_head);
  EXPECT_EQ(actual.kept.by_position, expected.kept.by_position);
  EXPECT_EQ(actual.kept, expected.kept);
  EXPECT_EQ(actual.span_evidence, expected.span_evidence);
}

}  // namespace kvcompare
