// What the sign-flip test can show at all.
#pragma once

#include <cstdint>

#include "coordinator/comparison/comparison.h"

namespace kvcompare {

// Of n samples that all agree 2 of 2^n flips are as extreme; and no p-value is below that of kResamples flips
// of which none is.
double smallest_p_value(std::int64_t n_samples);

// Whether Holm's correction for so many pairs lets any of them be called different, however much the samples
// agree.
bool pairs_can_differ(const Comparison& comparison);

}  // namespace kvcompare
