#pragma once

#include <filesystem>
#include <vector>

#include "coordinator/comparison/comparison.h"
#include "coordinator/journal/session.h"
#include "coordinator/reports/page/report_page.h"
#include "coordinator/reports/read_run.h"

namespace kvcompare {

inline constexpr const char* kCompleteMarker = "COMPLETE";
inline constexpr const char* kPageFile = "report.html";

// Removes the marker COMPLETE, so that the results in `folder` no longer count. Throws OutputError.
void remove_marker(const std::filesystem::path& folder);

// Writes detailed_results.json, comparison_summary.json, results.h5, results.csv, samples.csv, summary.md,
// table.tex, report.html and run.json into `folder`, and then the marker COMPLETE. COMPLETE holds the SHA-256
// of all of them but report.html and run.json, which hold dates and hosts. All files are written before the
// first old one is replaced, so an error while writing leaves the old results as they were. Throws
// OutputError.
//   texts : that the page is to show
void write_reports(const std::filesystem::path& folder, const Comparison& comparison,
                   const std::vector<Session>& sessions, const ReadRun& read, PageTexts texts = {});

// Writes only results.csv, samples.csv, summary.md, table.tex and report.html. Throws OutputError.
void write_for_people(const std::filesystem::path& folder, const PageRun& run);

// Marks the folder of a shard as complete. It holds no results: those are of the whole run, after a merge.
void write_shard_marker(const std::filesystem::path& folder, const JournalHeader& header);

}  // namespace kvcompare
