// expected_attention over a whole sequence of one KV head: what a schedule asks block by block.
#pragma once

#include <cstdint>
#include <memory>

#include "presses/scorer.h"

namespace kvcompare {

struct ExpectedAttentionParameters {
  std::int64_t n_sink = 4;
  std::int64_t n_future_positions = 512;
  bool use_covariance = true;
  bool use_vnorm = true;
};

//   head : raw_q, k, v. If they are float64 the forms and the softmax are, too; else both are float32.
//          Statistics of the queries and the norms of values are float64 either way.
std::unique_ptr<DriftingScorer::Head> start_expected_attention_head(
    const ExpectedAttentionParameters& parameters, const WholeHead& head);

}  // namespace kvcompare
