// What the scored ranges of a sample can be told from, as the data says. Definition: docs/semantics.md,
// section 5.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/data/sample.h"

namespace kvcompare {

struct SpanWithEvidence {
  std::size_t place = 0;             // in Sample::scored
  std::int64_t first_query = 0;      // which predicts the range's first token
  std::vector<TokenRange> evidence;  // up to that query at most; ascending, apart, not empty

  std::int64_t n_tokens() const;  // of the evidence
};

// The scored ranges that have evidence before them, in order. None if scored ranges are no answers.
std::vector<SpanWithEvidence> spans_with_evidence(const Sample& sample);

}  // namespace kvcompare
