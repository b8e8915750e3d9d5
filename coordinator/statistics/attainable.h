// What the sign-flip test can show at best with a given number of samples.
#pragma once

#include <cstdint>

#include "coordinator/comparison/comparison.h"

namespace kvcompare {

// The smallest p-value that n samples can have. If all samples agree, 2 of the 2^n sign patterns are as
// extreme as theirs. With kResamples flips no p-value is smaller than that of no flip being as extreme.
double smallest_p_value(std::int64_t n_samples);

// Whether any pair can be called different after Holm's correction for this many pairs, even if all samples
// agree.
bool pairs_can_differ(const Comparison& comparison);

}  // namespace kvcompare
