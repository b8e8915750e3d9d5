// The numbers of all instances as people read them, a text a cell: what the tables on stdout, in summary.md
// and in table.tex show.
#pragma once

#include <string>
#include <vector>

#include "coordinator/comparison/comparison.h"

namespace kvcompare {

// Titles of columns.
namespace column {
inline constexpr const char* kPerplexity = "Perplexity";
inline constexpr const char* kPplDelta = "Δ";
inline constexpr const char* kPplDeltaPct = "Δ %";
inline constexpr const char* kAvgNll = "Avg NLL";
inline constexpr const char* kNllDelta = "ΔNLL";
inline constexpr const char* kNllInterval = "95 % interval";  // of ΔNLL
inline constexpr const char* kKept = "Kept";
inline constexpr const char* kAttended = "Attended";
inline constexpr const char* kPeakKeys = "Peak keys";
inline constexpr const char* kPeakCache = "Peak cache";
}  // namespace column

inline constexpr const char* kNoValue = "-";
// Behind a ΔNLL: the instance cannot be told from the baseline.
inline constexpr const char* kNotDistinguishable = "~";

struct ComparisonGrid {
  std::vector<std::string> titles;
  std::vector<std::vector<std::string>> rows;  // [Comparison::methods][titles]
};

// A value that does not exist is kNoValue; a perplexity beyond the range of double is "overflow", that of an
// instance with a failed unit "failed". Columns of statistics and bytes are left out if they hold no value.
ComparisonGrid comparison_grid(const Comparison& comparison);

// There is an interval, and it does not tell the instance from the baseline.
bool is_not_distinguishable(const Comparison& comparison, std::size_t method);

// Why no instance has an interval; empty if one has, or if statistics were not made.
std::string why_no_intervals(const Comparison& comparison);

}  // namespace kvcompare
