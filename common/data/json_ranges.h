// The ranges of a line: 'scored' and 'evidence'.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/data/data_place.h"
#include "common/data/json_line.h"
#include "common/range.h"

namespace kvcompare {

// What ranges may count.
struct RangeBounds {
  Range all;         // every range lies within
  std::string unit;  // "characters"
  std::string of;    // "the text"
};

// Reads [[begin, end], ...] and returns the ranges in ascending order. Absent if the line lacks the field, or
// holds null. A range that is no pair of whole numbers, ends before it begins, is empty, lies outside of the
// bounds or overlaps another one is a DataError.
std::optional<std::vector<Range>> read_ranges(const JsonLine& line, const std::string& field,
                                              const RangeBounds& bounds, const DataPlace& place);

}  // namespace kvcompare
