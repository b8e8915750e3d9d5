// Where the context of each sample ends, and which tokens are scored because of it.
#pragma once

#include <span>

#include "common/data/sample.h"
#include "common/run/run_spec.h"

namespace kvcompare {

// Completes the samples as the protocol of the run asks for it. In decode a sample has no context. In prefill
// and generate it is context_length tokens, or what the data says, or all, and never more than the sample
// has. If tokens follow the context and the data names no scored ones, those that follow it are scored.
// Source: docs/semantics.md, section 1.
void complete_contexts(std::span<Sample> samples, const RunSpec& spec);

}  // namespace kvcompare
