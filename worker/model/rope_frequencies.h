// The frequencies of the rotary embedding of a model.
// Sources: RoFormer, arXiv 2104.09864; linear: arXiv 2306.15595; dynamic: transformers; yarn: arXiv
// 2309.00071; longrope: arXiv 2402.13753; llama3: the Llama 3.1 release. All as transformers computes them.
#pragma once

#include <cstdint>

#include "presses/rope.h"
#include "worker/model/rope_config.h"

namespace kvcompare {

// Which length of a sample the frequencies depend on: n_tokens itself, or another number that stands for all
// samples with the same frequencies. 0 if they depend on none.
std::int64_t length_of_rope(const RopeConfig& rope, std::int64_t n_tokens);

// Inverse frequencies of the pairs (c, c + head_dim / 2), on the CPU; 0 of pairs that do not turn.
//   n_tokens : of the whole sample, however it is cut into chunks
Rope make_rope(const RopeConfig& rope, std::int64_t head_dim, std::int64_t n_tokens);

}  // namespace kvcompare
