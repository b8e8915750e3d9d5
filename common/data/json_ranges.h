// The ranges of a line: 'scored' and 'evidence'.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/data/data_place.h"
#include "common/data/json_line.h"
#include "common/range.h"

namespace kvcompare {

inline constexpr const char *kScoredField = "scored", *kEvidenceField = "evidence";

// What ranges may count.
struct RangeBounds {
  Range all;         // every range lies within
  std::string unit;  // "characters"
  std::string of;    // "the text"
};

// No list of ranges; one, which serves every scored range; or one for each scored range. A list is ascending
// and apart.
using EvidenceLists = std::vector<std::vector<Range>>;

struct ScoredAndEvidence {
  std::optional<std::vector<Range>> scored{};  // ascending and apart; absent if the line names none
  EvidenceLists evidence{};                    // in the order of `scored`
};

// Reads 'scored', [[begin, end], ...], and 'evidence', which is the same or a list of such lists with one
// item for each scored range. A field that is absent or null holds nothing. A range that is no pair of whole
// numbers, ends before it begins, is empty, lies outside of the bounds or overlaps another one of its list is
// a DataError. So is a list of lists with too few or too many items.
ScoredAndEvidence read_scored_and_evidence(const JsonLine& line, const RangeBounds& bounds,
                                           const DataPlace& place);

// Reads 'evidence' beside n_scored ranges that are known already, in their order.
EvidenceLists read_evidence(const JsonLine& line, std::size_t n_scored, const RangeBounds& bounds,
                            const DataPlace& place);

}  // namespace kvcompare
