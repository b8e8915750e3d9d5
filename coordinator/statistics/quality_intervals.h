// How far the means of KL divergences, greedy hits, answers and kept evidence would move with other samples.
// Definition: docs/semantics.md, "Statistics": the resamples of the differences in NLL, of each the quotient
// of two sums.
#pragma once

#include <vector>

#include "coordinator/comparison/comparison.h"
#include "coordinator/statistics/bootstrap.h"
#include "coordinator/statistics/summed_columns.h"

namespace kvcompare {

// Returns a row for each instance, without intervals: only with the reason if there can be none.
//   columns : those of the comparison
std::vector<QualityIntervals> quality_rows(const Comparison& comparison, const SummedColumns& columns);

// Adds the intervals of an instance that has totals.
//   of : where the instance's sums stand in the columns of `bootstrap`
void add_intervals(QualityIntervals& row, const SummedColumns::OfMethod& of, const Bootstrap& bootstrap);

}  // namespace kvcompare
