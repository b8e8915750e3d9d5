// What readers of the file see is in tests/results; here is what only the writer shows.
#include "coordinator/reports/hdf5_results.h"

#include <csignal>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "common/errors.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/coordinator/reports/example_comparison.h"
#include "tests/unit/coordinator/reports/swept_comparison.h"
#include "tests/unit/coordinator/unit_results.h"

namespace kvcompare {
namespace {

UnitResult read_unit(UnitId unit) {
  auto result = imaginary_result({.sample = unit.sample.value, .method = unit.method.value});
  result.token_nll = {1, 0.5, 1.5};
  return result;
}

class ResultsHdf5 : public testing::Test {
 protected:
  TemporaryFolder folder_;
};

TEST_F(ResultsHdf5, IsTheSameBytesForTheSameComparison) {
  auto comparison = example_comparison();
  for (const bool with_token_nll : {false, true}) {
    comparison.spec.save_token_nll = with_token_nll;
    const auto first = folder_.path() / "first.h5", second = folder_.path() / "second.h5";
    write_results_hdf5(first, comparison, {read_unit});
    write_results_hdf5(second, comparison, {read_unit});
    EXPECT_EQ(file_contents(first), file_contents(second));
    EXPECT_TRUE(file_contents(first).starts_with("\x89HDF\r\n\x1a\n"));
  }
}

TEST_F(ResultsHdf5, ReadsEachUnitOnceInOrder) {
  std::vector<UnitId> read;
  write_results_hdf5(folder_.path() / "r.h5", example_comparison(), {[&](UnitId unit) {
                       read.push_back(unit);
                       return read_unit(unit);
                     }});
  const auto unit = [](std::int64_t s, std::int64_t m) { return UnitId{SampleIndex(s), MethodIndex(m)}; };
  EXPECT_EQ(read, (std::vector{unit(0, 0), unit(2, 0), unit(0, 1), unit(2, 1), unit(0, 2)}));
}

TEST_F(ResultsHdf5, CanHoldNoUnitAtAll) {
  auto comparison = example_comparison();
  for (auto& method : comparison.methods) method.per_sample.clear();
  EXPECT_NO_THROW(write_results_hdf5(folder_.path() / "r.h5", comparison, {read_unit}));
}

TEST_F(ResultsHdf5, RefusesAUnitWithMoreBinsOfPositionsThanItsMethodHas) {
  const auto read_with_bins = [](std::size_t n_bins) {
    return [n_bins](UnitId unit) {
      auto result = read_unit(unit);
      result.nll_by_position = {2, std::vector<double>(n_bins), std::vector<std::int64_t>(n_bins)};
      return result;
    };
  };
  EXPECT_NO_THROW(write_results_hdf5(folder_.path() / "r.h5", swept_comparison(), {read_with_bins(3)}));
  EXPECT_THROW(write_results_hdf5(folder_.path() / "r.h5", swept_comparison(), {read_with_bins(4)}),
               InvariantError);
}

TEST_F(ResultsHdf5, TakesAConfigurationOfMoreThan64KiB) {
  auto comparison = example_comparison();
  while (comparison.spec.methods.size() < 500) {
    comparison.spec.methods.push_back(comparison.spec.methods[1]);
    comparison.methods.push_back(comparison.methods[1]);
  }
  EXPECT_NO_THROW(write_results_hdf5(folder_.path() / "r.h5", comparison, {read_unit}));
}

TEST_F(ResultsHdf5, SaysWhatStoppedTheWriting) {
  const auto nowhere = folder_.path() / "nowhere" / "r.h5";
  const auto error =
      error_of<OutputError>([&] { write_results_hdf5(nowhere, example_comparison(), {read_unit}); });
  EXPECT_EQ(error.path, nowhere.string());
  EXPECT_NE(std::string(error.what()).find("No such file or directory"), std::string::npos) << error.what();
}

// A file that may not grow is a disk that is full: the write fails wherever it happens.
TEST_F(ResultsHdf5, FailsAtAnyByteWithoutHarm) {
  const auto path = folder_.path() / "r.h5";
  write_results_hdf5(path, example_comparison(), {read_unit});
  const auto size = static_cast<rlim_t>(file_contents(path).size());
  rlimit old{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  std::signal(SIGXFSZ, SIG_IGN);
  for (rlim_t limit = 0; limit < size; limit += size / 17) {
    const rlimit small{limit, old.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
    EXPECT_THROW(write_results_hdf5(path, example_comparison(), {read_unit}), OutputError) << limit;
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &old), 0);
  }
  EXPECT_NO_THROW(write_results_hdf5(path, example_comparison(), {read_unit}));
}

}  // namespace
}  // namespace kvcompare
