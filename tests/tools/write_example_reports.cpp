// write_example_reports FOLDER: reports of comparisons made by hand, into FOLDER/example, FOLDER/swept,
// FOLDER/compared and FOLDER/special. No units are in their HDF5 beyond imaginary ones.
#include <cstdio>
#include <filesystem>

#include "coordinator/write_reports.h"
#include "tests/unit/coordinator/reports/compared_distributions.h"
#include "tests/unit/coordinator/reports/example_comparison.h"
#include "tests/unit/coordinator/reports/swept_comparison.h"
#include "tests/unit/coordinator/unit_results.h"

namespace {

using namespace kvcompare;

// In the shorter sample the last bin of positions is not reached.
UnitResult read_unit(UnitId unit) {
  auto result = imaginary_result({.sample = unit.sample.value, .method = unit.method.value});
  const auto first = static_cast<double>(unit.method.value);
  result.nll_by_position = {2, {first, 1}, {2, 1}};
  if (unit.sample.value > 0) {
    result.nll_by_position.total_nll.push_back(0.1);
    result.nll_by_position.n_scored.push_back(2);
  }
  result.token_nll = {1, 0.5, 1.5};
  if (unit.method.value > 0)
    result.token_quality = {.greedy_hit = {1, 0, 1},
                            .kl = {0.125, first, 0},
                            .delta_p = {-0.125, 0, 0.25},
                            .same_top1 = {1, 1, 0}};
  else
    result.token_quality.greedy_hit = {1, 1, 1};
  return result;
}

void write(const std::filesystem::path& folder, const Comparison& comparison) {
  std::filesystem::create_directories(folder);
  write_reports(folder, comparison, {}, {read_unit});
}

}  // namespace

int main(int n_arguments, char** arguments) {
  if (n_arguments != 2) {
    std::fputs("usage: write_example_reports FOLDER\n", stderr);
    return 2;
  }
  const std::filesystem::path folder(arguments[1]);
  auto example = example_comparison();
  for (auto& method : example.methods) method.nll_by_position = {2, {0, 0, 0}, {0, 0, 0}};
  write(folder / "example", example);
  write(folder / "swept", swept_comparison());
  write(folder / "compared", compared_distributions());
  write(folder / "special", comparison_with_special_characters());
}
