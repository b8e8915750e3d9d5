#include "coordinator/reports/write_reports.h"

#include <system_error>

#include "common/atomic_file.h"
#include "common/errors.h"
#include "coordinator/reports/detailed_json.h"
#include "coordinator/reports/run_json.h"
#include "coordinator/reports/summary_json.h"

namespace kvcompare {

void write_reports(const std::filesystem::path& folder, const Comparison& comparison,
                   const RunRecord& record) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw OutputError(folder.string(), "cannot make this folder: " + error.message());
  write_file_atomically(folder / "detailed_results.json", detailed_json(comparison));
  write_file_atomically(folder / "comparison_summary.json", summary_json(comparison));
  write_file_atomically(folder / "run.json", run_json(comparison, record));
}

}  // namespace kvcompare
