#pragma once

#include <filesystem>

#include "coordinator/comparison.h"
#include "coordinator/reports/run_record.h"

namespace kvcompare {

// Writes detailed_results.json, comparison_summary.json and run.json into `folder`, which is made if it is
// not there; each file whole or not at all. Throws OutputError.
void write_reports(const std::filesystem::path& folder, const Comparison& comparison,
                   const RunRecord& record);

}  // namespace kvcompare
