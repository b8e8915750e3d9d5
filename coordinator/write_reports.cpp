#include "coordinator/write_reports.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <string>
#include <utility>

#include <unistd.h>

#include "common/errors.h"
#include "common/files/atomic_file.h"
#include "common/files/fault_point.h"
#include "common/files/sha256.h"
#include "coordinator/json/json_text.h"
#include "coordinator/reports/detailed_json.h"
#include "coordinator/reports/hdf5_results.h"
#include "coordinator/reports/results_csv.h"
#include "coordinator/reports/run_json.h"
#include "coordinator/reports/samples_csv.h"
#include "coordinator/reports/summary_json.h"
#include "coordinator/reports/summary_md.h"
#include "coordinator/reports/table_tex.h"

namespace kvcompare {
namespace {

constexpr std::array kSameInEveryRun{"comparison_summary.json",
                                     "detailed_results.json",
                                     "results.csv",
                                     "results.h5",
                                     "samples.csv",
                                     "summary.md",
                                     "table.tex"};

void write_marker(const std::filesystem::path& folder, const std::string& fingerprint) {
  OrderedJson marker;
  marker["fingerprint"] = fingerprint;
  for (const auto* name : kSameInEveryRun) marker["sha256"][name] = sha256_of_file(folder / name);
  write_file_atomically(folder / kCompleteMarker, json_text(marker));
}

void stage_for_people(StagedFiles& files, const PageRun& run) {
  const auto& comparison = run.comparison;
  files.write("results.csv", results_csv(comparison));
  files.write("samples.csv", samples_csv(comparison));
  files.write("summary.md", summary_md(comparison));
  files.write("table.tex", table_tex(comparison));
  files.write(kPageFile, report_page(std::span(&run, 1)));
}

}  // namespace

void write_for_people(const std::filesystem::path& folder, const PageRun& run) {
  StagedFiles files(folder);
  stage_for_people(files, run);
  files.sync();
  files.publish();
}

void remove_marker(const std::filesystem::path& folder) {
  const auto marker = folder / kCompleteMarker;
  if (::unlink(marker.c_str()) != 0 && errno != ENOENT)
    throw OutputError(marker.string(), std::string("cannot be removed: ") + std::strerror(errno));
  sync_folder(folder);
}

void write_shard_marker(const std::filesystem::path& folder, const JournalHeader& header) {
  OrderedJson marker;
  marker["fingerprint"] = fingerprint_of(header.identity);
  marker["shard"] = to_string(*header.shard);
  write_file_atomically(folder / kCompleteMarker, json_text(marker));
}

void write_reports(const std::filesystem::path& folder, const Comparison& comparison,
                   const std::vector<Session>& sessions, const ReadRun& read, PageTexts texts) {
  fault_point("before_finalize");
  StagedFiles files(folder);
  write_results_hdf5(files.add("results.h5"), comparison, read);
  fault_point("mid_finalize");
  files.write("detailed_results.json", detailed_json(comparison));
  files.write("comparison_summary.json", summary_json(comparison));
  stage_for_people(files, {folder.string(), comparison, sessions, std::move(texts)});
  files.write("run.json", run_json(comparison, sessions));
  files.sync();
  fault_point("before_rename");
  remove_marker(folder);
  files.publish();
  fault_point("after_rename_before_marker");
  write_marker(folder, comparison.fingerprint);
}

}  // namespace kvcompare
