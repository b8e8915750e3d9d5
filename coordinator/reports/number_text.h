// Writes numbers for people, in tables of any kind.
#pragma once

#include <cstdint>
#include <string>

#include "coordinator/comparison/statistics.h"

namespace kvcompare {

std::string perplexity_text(double perplexity);       // "7.3891", "1.5000e+300"
std::string nll_text(double nll);                     // "2.500000"
std::string delta_text(double delta);                 // "+4.7934"; small or huge ones as "-3.2e-05"
std::string kl_text(double kl);                       // "0.0213"; small ones as "3.2e-05"
std::string interval_text(const Interval& interval);  // "[-0.0125, +0.1000]"
std::string percent_delta_text(double percent);       // "+64.87%"
std::string share_text(double fraction);              // of 0.5: "50.00%"
std::string bytes_text(std::int64_t bytes);           // "4.0 KiB"

}  // namespace kvcompare
