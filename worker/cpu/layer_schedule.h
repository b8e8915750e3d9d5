// When the keys of one KV head die, whatever kind of scorer the method has.
#pragma once

#include <span>

#include <ATen/core/Tensor.h>

#include "common/run/method_spec.h"
#include "presses/policy/death_times.h"
#include "presses/registry.h"
#include "presses/rope.h"
#include "presses/scorer.h"

namespace kvcompare {

// What schedule_head reads of a head: what a drifting scorer declares; to follow attention q and k.
Needs needs_of_schedule(const Scorer& scorer);

//   head         : needs_of_schedule at least, on the CPU
//   fixed_scores : [n_tokens], with a FixedScorer only
//   deaths       : [n_tokens], written
// Throws std::domain_error if a score is NaN.
void schedule_head(const Scorer& scorer, const MethodSpec& method, const Chunking& chunking, const Rope& rope,
                   const WholeHead& head, std::span<const double> fixed_scores, std::span<DeathTime> deaths);

}  // namespace kvcompare
