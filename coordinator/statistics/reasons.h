// The reasons why a number of the statistics is missing, as reports state them.
#pragma once

#include <string>

#include "common/plural.h"
#include "coordinator/comparison/statistics.h"

namespace kvcompare {

inline constexpr const char* kBaselineFailed =
    "samples of the baseline failed, so there is nothing to compare with";

inline std::string reason_for_too_few(std::int64_t n_samples) {
  return counted(n_samples, "sample") + (n_samples == 1 ? " is" : " are") + " too few for an interval; " +
         std::to_string(kFewestSamples) + " or more are needed";
}

}  // namespace kvcompare
