// The head as the units of a batch pass it, block by block of the vocabulary.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "worker/cpu/lane.h"
#include "worker/cpu/unit_in_flight.h"

namespace kvcompare {

// A block of the head: [d_model, n_entries], entries of the vocabulary from `first_entry` on.
struct HeadBlock {
  const at::Tensor& weights;
  std::int64_t first_entry = 0;
};

// What all blocks share.
struct FinalNorm {
  const at::Tensor& weight;  // [d_model]
  double epsilon = 0;
};

// On a row tile, which begins with token `begin`: final norm and logits of the block's entries. Adds them to
// unit.log_sums, and keeps the logits of the tokens that follow in unit.target_logits.
// T: float or double.
template <class T>
void add_logits(const FinalNorm& norm, const HeadBlock& block, Lane<T>& lane, UnitInFlight<T>& unit,
                std::int64_t begin);

}  // namespace kvcompare
