// What the numbers of an instance say, as a reader would say it. On the page and in summary.md.
#pragma once

#include <string>

#include "coordinator/comparison/comparison.h"

namespace kvcompare {

// Half a sentence without a full stop: "keeps 26 % of the keys, costs 0.021 ± 0.010 nats a token; not
// distinguishable from ExpectedAttention 0.5". Of the baseline, of an instance with failed samples, and of
// one without an interval it says so. It says "not distinguishable" of the baseline or of other instances
// where their differences are there and are not Difference::is_different.
//   method : place in Comparison::methods
std::string plain_words(const Comparison& comparison, std::size_t method);

}  // namespace kvcompare
