#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "common/errors.h"
#include "common/files/sha256.h"
#include "coordinator/reports/detailed_json.h"
#include "coordinator/reports/results_csv.h"
#include "coordinator/reports/run_json.h"
#include "coordinator/reports/samples_csv.h"
#include "coordinator/reports/summary_json.h"
#include "coordinator/reports/summary_md.h"
#include "coordinator/reports/table_tex.h"
#include "coordinator/write_reports.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/coordinator/reports/example_comparison.h"
#include "tests/unit/coordinator/unit_results.h"

namespace kvcompare {
namespace {

namespace fs = std::filesystem;

UnitResult read_unit(UnitId unit) {
  return imaginary_result({.sample = unit.sample.value, .method = unit.method.value});
}

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename());
  return names;
}

TEST(WriteReports, MakesTheFilesAndTheMarkerThatVouchesForThem) {
  const TemporaryFolder folder;
  const auto& out = folder.path();
  const Comparison comparison = example_comparison();
  write_reports(out, comparison, {}, {read_unit});
  EXPECT_EQ(names_in(out),
            (std::set<std::string>{"COMPLETE", "comparison_summary.json", "detailed_results.json",
                                   "report.html", "results.csv", "results.h5", "run.json", "samples.csv",
                                   "summary.md", "table.tex"}));
  EXPECT_EQ(file_contents(out / "detailed_results.json"), detailed_json(comparison));
  EXPECT_EQ(file_contents(out / "comparison_summary.json"), summary_json(comparison));
  EXPECT_EQ(file_contents(out / "results.csv"), results_csv(comparison));
  EXPECT_EQ(file_contents(out / "samples.csv"), samples_csv(comparison));
  EXPECT_EQ(file_contents(out / "summary.md"), summary_md(comparison));
  EXPECT_EQ(file_contents(out / "table.tex"), table_tex(comparison));
  EXPECT_EQ(file_contents(out / "run.json"), run_json(comparison, {}));
  const auto marker = nlohmann::json::parse(file_contents(out / "COMPLETE"));
  EXPECT_EQ(marker["fingerprint"], comparison.fingerprint);
  EXPECT_EQ(marker["sha256"].size(), 7u);
  EXPECT_FALSE(marker["sha256"].contains("run.json"));
  for (const auto& [name, hash] : marker["sha256"].items())
    EXPECT_EQ(hash, sha256(file_contents(out / name))) << name;
}

// Files whose hashes stand in COMPLETE are the same wherever model and data lie, and whenever they were made.
TEST(WriteReports, NoFileThatTheMarkerVouchesForNamesAPlaceOrDependsOnTheClock) {
  const TemporaryFolder folder;
  auto moved = example_comparison();
  moved.spec.model_name = "/another/place";
  moved.spec.data_path = "/another/file.jsonl";
  moved.places.model_name = "/another/place";
  moved.places.data_path = "/another/file.jsonl";
  moved.methods[1].seconds = 99;
  write_reports(folder.path(), example_comparison(), {}, {read_unit});
  const auto marker = file_contents(folder.path() / "COMPLETE");
  write_reports(folder.path(), moved, {}, {read_unit});
  EXPECT_EQ(file_contents(folder.path() / "COMPLETE"), marker);
}

TEST(WriteReports, LeavesOldFilesAsTheyWereIfAUnitCannotBeRead) {
  const TemporaryFolder folder;
  const auto& out = folder.path();
  write_reports(out, example_comparison(), {}, {read_unit});
  const auto names = names_in(out);
  const auto old = file_contents(out / "detailed_results.json"), marker = file_contents(out / "COMPLETE");
  auto other = example_comparison();
  other.spec.model_name = "another";
  EXPECT_THROW(
      write_reports(out, other, {}, {[](UnitId) -> UnitResult { throw DataError("journal", 3, "gone"); }}),
      DataError);
  EXPECT_EQ(names_in(out), names);
  EXPECT_EQ(file_contents(out / "detailed_results.json"), old);
  EXPECT_EQ(file_contents(out / "COMPLETE"), marker);
}

TEST(WriteReports, RefusesAFolderThatIsAFile) {
  const TemporaryFolder folder;
  const fs::path file = folder.write("taken", "");
  EXPECT_THROW(write_reports(file, example_comparison(), {}, {read_unit}), OutputError);
}

}  // namespace
}  // namespace kvcompare
