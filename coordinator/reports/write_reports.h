#pragma once

#include <filesystem>
#include <vector>

#include "coordinator/comparison.h"
#include "coordinator/reports/read_unit.h"
#include "coordinator/session.h"

namespace kvcompare {

inline constexpr const char* kCompleteMarker = "COMPLETE";

// Results in `folder` do not count any more. Throws OutputError.
void remove_marker(const std::filesystem::path& folder);

// Writes detailed_results.json, comparison_summary.json, results.h5, results.csv, samples.csv, summary.md,
// table.tex and run.json into `folder`, then the marker COMPLETE, which holds the SHA-256 of all but
// run.json. All are written before the first is replaced, so what stops the writing leaves old results as
// they were.
//   read_unit : the whole result of a unit that succeeded
// Throws OutputError.
void write_reports(const std::filesystem::path& folder, const Comparison& comparison,
                   const std::vector<Session>& sessions, const ReadUnit& read_unit);

}  // namespace kvcompare
