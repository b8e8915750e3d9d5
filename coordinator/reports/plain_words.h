// Says in words what the numbers of an instance mean, for the page and summary.md.
#pragma once

#include <string>

#include "coordinator/comparison/comparison.h"

namespace kvcompare {

// Returns half a sentence without a full stop: "keeps 26 % of the keys, costs 0.021 ± 0.010 nats a token; not
// distinguishable from ExpectedAttention 0.5". For the baseline, an instance with failed samples, or one
// without an interval, the text says that. Where the data asks for answers: "..., writes 37 of 40 answers, ...". An instance is called "not distinguishable" from another one, or
// from the baseline, if their difference is known and Difference::is_different does not hold for it.
//   method : place in Comparison::methods
std::string plain_words(const Comparison& comparison, std::size_t method);

}  // namespace kvcompare
