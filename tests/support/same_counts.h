// Expects two counts of keys to be equal, and names the fields that differ.
#pragma once

#include <gtest/gtest.h>

#include "common/run/unit_result.h"

namespace kvcompare {

inline void expect_same_counts(const KeyCounts& actual, const KeyCounts& expected) {
  EXPECT_EQ(actual.n_layers, expected.n_layers);
  EXPECT_EQ(actual.n_kv_heads, expected.n_kv_heads);
  EXPECT_EQ(actual.original, expected.original);
  EXPECT_EQ(actual.kept_per_head, expected.kept_per_head);
  EXPECT_EQ(actual.kept_by_position, expected.kept_by_position);
  EXPECT_EQ(actual.attended, expected.attended);
  EXPECT_EQ(actual.attendable, expected.attendable);
  EXPECT_EQ(actual.withheld_from_scored, expected.withheld_from_scored);
  EXPECT_EQ(actual.compressible, expected.compressible);
  EXPECT_EQ(actual.compressible_kept, expected.compressible_kept);
  EXPECT_EQ(actual.peak, expected.peak);
}

}  // namespace kvcompare
