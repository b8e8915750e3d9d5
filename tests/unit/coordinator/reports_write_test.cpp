#include <set>

#include <gtest/gtest.h>

#include "common/errors.h"
#include "coordinator/reports/detailed_json.h"
#include "coordinator/reports/run_json.h"
#include "coordinator/reports/summary_json.h"
#include "coordinator/reports/write_reports.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/coordinator/example_comparison.h"

namespace kvcompare {
namespace {

namespace fs = std::filesystem;

TEST(WriteReports, MakesTheFolderAndExactlyThreeFiles) {
  const TemporaryFolder folder;
  const fs::path out = folder.path() / "a" / "b";
  const Comparison comparison = example_comparison();
  write_reports(out, comparison, {});
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(out)) names.insert(entry.path().filename());
  EXPECT_EQ(names, (std::set<std::string>{"comparison_summary.json", "detailed_results.json", "run.json"}));
  EXPECT_EQ(file_contents(out / "detailed_results.json"), detailed_json(comparison));
  EXPECT_EQ(file_contents(out / "comparison_summary.json"), summary_json(comparison));
  EXPECT_EQ(file_contents(out / "run.json"), run_json(comparison, {}));
}

TEST(WriteReports, RefusesAFolderThatIsAFile) {
  const TemporaryFolder folder;
  const fs::path file = folder.write("taken", "");
  EXPECT_THROW(write_reports(file, example_comparison(), {}), OutputError);
  EXPECT_THROW(write_reports(file / "sub", example_comparison(), {}), OutputError);
}

}  // namespace
}  // namespace kvcompare
