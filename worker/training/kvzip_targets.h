// Computes what KVzap learns to predict: how much attention a key receives when the model repeats the
// context. Source: KVzip, arXiv 2505.23416, section 3 (maximum attention under repetition); KVzap, arXiv
// 2601.07891, "KVzip+" (times the size of the value's contribution, relative to the query's hidden state).
// docs/train_kvzap.md says what was chosen where the papers leave a choice.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "common/data/repeated_prompt.h"
#include "worker/model/model.h"

namespace kvcompare {

// The targets of one layer at the positions that the prompt asks for, on the CPU.
struct LayerTargets {
  at::Tensor hidden;  // [n_positions, d_model], float32: the attention block's input, as KVzap sees it
  // [n_positions, n_kv_heads], float32: log of
  //   max over heads of the group and queries i of the repetition  a_ij |W_O v_j| / |hidden_i|
  at::Tensor scores;
};

// Returns the targets of every layer. a_ij is the softmax over all tokens up to i, including those of the
// repetition. A score below the smallest normal float32 is replaced by that number. Throws std::domain_error
// if a hidden state or score is not finite.
std::vector<LayerTargets> kvzip_targets(const Model& model, const RepeatedPrompt& prompt);

}  // namespace kvcompare
