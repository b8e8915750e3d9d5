// The reasons why a number of the statistics is missing, as reports state them.
#pragma once

#include <cstdint>
#include <string>

namespace kvcompare {

inline constexpr const char* kBaselineFailed =
    "samples of the baseline failed, so there is nothing to compare with";

// "1 sample failed, and a part of the samples compares with nothing".
std::string reason_for_no_totals(std::int64_t n_failed);

// "3 samples are too few for an interval; 8 or more are needed".
std::string reason_for_too_few(std::int64_t n_samples);

}  // namespace kvcompare
