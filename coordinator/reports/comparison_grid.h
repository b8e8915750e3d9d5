// The numbers of all instances as text for people, one text for each cell. The tables on stdout, in
// summary.md and in table.tex show it.
#pragma once

#include <string>
#include <vector>

#include "coordinator/comparison/comparison.h"

namespace kvcompare {

// Titles of the columns.
namespace column {
inline constexpr const char* kPerplexity = "Perplexity";
inline constexpr const char* kPplDelta = "Δ";
inline constexpr const char* kPplDeltaPct = "Δ %";
inline constexpr const char* kAvgNll = "Avg NLL";
inline constexpr const char* kNllDelta = "ΔNLL";
inline constexpr const char* kNllInterval = "95 % interval";  // of ΔNLL
inline constexpr const char* kMeanKl = "Mean KL";
inline constexpr const char* kSameTop1 = "Same top-1";
inline constexpr const char* kAnswers = "Answers";
inline constexpr const char* kEvidence = "Evidence kept";
inline constexpr const char* kKept = "Kept";
inline constexpr const char* kAttended = "Attended";
inline constexpr const char* kPeakKeys = "Peak keys";
inline constexpr const char* kPeakCache = "Peak cache";
}  // namespace column

inline constexpr const char* kNoValue = "-";
// Marks a ΔNLL: the instance cannot be told apart from the baseline.
inline constexpr const char* kNotDistinguishable = "~";

struct ComparisonGrid {
  std::vector<std::string> titles;
  std::vector<std::vector<std::string>> rows;  // [Comparison::methods][titles]
};

// A missing value is kNoValue. A perplexity beyond the range of double is "overflow", and that of an instance
// with a failed unit "failed". Columns that a run may lack (statistics, distributions,
// answers, evidence, bytes) are left out if all their values are missing.
ComparisonGrid comparison_grid(const Comparison& comparison);

// True if there is an interval that does not tell the instance apart from the baseline.
bool is_not_distinguishable(const Comparison& comparison, std::size_t method);

// Why no instance has an interval. Empty if one has, or if no statistics were computed.
std::string why_no_intervals(const Comparison& comparison);

}  // namespace kvcompare
