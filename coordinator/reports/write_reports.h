#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "common/unit_result.h"
#include "coordinator/comparison.h"
#include "coordinator/session.h"

namespace kvcompare {

inline constexpr const char* kCompleteMarker = "COMPLETE";

// Results in `folder` do not count any more. Throws OutputError.
void remove_marker(const std::filesystem::path& folder);

// Writes detailed_results.json, comparison_summary.json, results.h5 and run.json into `folder`, then the
// marker COMPLETE, which holds the SHA-256 of the first three. All are written before the first is replaced,
// so what stops the writing leaves old results as they were.
//   read_unit : the whole result of a unit that succeeded
// Throws OutputError.
void write_reports(const std::filesystem::path& folder, const Comparison& comparison,
                   const std::vector<Session>& sessions, const std::function<UnitResult(UnitId)>& read_unit);

}  // namespace kvcompare
