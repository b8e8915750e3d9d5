#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "coordinator/comparison/comparison.h"
#include "coordinator/journal/session.h"
#include "coordinator/reports/page/report_page.h"
#include "coordinator/reports/read_unit.h"

namespace kvcompare {

inline constexpr const char* kCompleteMarker = "COMPLETE";
inline constexpr const char* kPageFile = "report.html";

// Results in `folder` do not count any more. Throws OutputError.
void remove_marker(const std::filesystem::path& folder);

// Writes detailed_results.json, comparison_summary.json, results.h5, results.csv, samples.csv, summary.md,
// table.tex, report.html and run.json into `folder`, then the marker COMPLETE, which holds the SHA-256 of all
// but the last two: they tell of dates and hosts. All are written before the first is replaced, so what stops
// the writing leaves old results as they were.
//   read_unit   : the whole result of a unit that succeeded
//   first_words : of the samples' texts, if the page is to show them
// Throws OutputError.
void write_reports(const std::filesystem::path& folder, const Comparison& comparison,
                   const std::vector<Session>& sessions, const ReadUnit& read_unit,
                   std::map<SampleIndex, std::string> first_words = {});

// Of these files results.csv, samples.csv, summary.md, table.tex and report.html alone. Throws OutputError.
void write_for_people(const std::filesystem::path& folder, const PageRun& run);

}  // namespace kvcompare
