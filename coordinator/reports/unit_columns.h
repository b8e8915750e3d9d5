// The numbers of a unit as reports show them, in their order: what UnitNumbers lists, and what follows from
// it. A number that may be absent is an optional.
#pragma once

#include <algorithm>
#include <optional>
#include <string_view>

#include "common/run/for_each_number.h"
#include "coordinator/comparison/comparison.h"
#include "coordinator/reports/divergence_means.h"

namespace kvcompare {

inline constexpr const char* kScoredColumn = "n_scored";
inline constexpr const char* kDensityColumn = "attended_density";

// Whether files have the columns of EvidenceCounts: only those of a run that counted it do.
enum class EvidenceColumns { kLeftOut, kShown };

inline EvidenceColumns evidence_columns(const Comparison& comparison) {
  return comparison.has_evidence() ? EvidenceColumns::kShown : EvidenceColumns::kLeftOut;
}

// Calls visit(UnitNumber, number) for each number but those that have no column.
template <class Visit>
void visit_numbers_with_column(const UnitNumbers& numbers, EvidenceColumns evidence, const Visit& visit) {
  const auto is_evidence = [](const UnitNumber& field) {
    return std::ranges::any_of(EvidenceCounts::kFields,
                               [&](const UnitNumber& one) { return &one == &field; });
  };
  for_each_number(numbers, [&](const UnitNumber& field, const auto& number) {
    if (evidence == EvidenceColumns::kShown || !is_evidence(field)) visit(field, number);
  });
}

// Calls visit(column, unit of measurement, number) for what a row of results.h5's /units holds of a unit.
template <class Visit>
void visit_hdf5_columns(const UnitNumbers& numbers, EvidenceColumns evidence, const Visit& visit) {
  visit_numbers_with_column(numbers, evidence, [&](const UnitNumber& field, const auto& number) {
    if (field.shown_in != ShownIn::kJournal) visit(field.column, field.unit, number);
    if (field.column == std::string_view("n_tokens")) visit(kScoredColumn, field.unit, numbers.n_scored());
  });
}

// Calls visit(column, number) for what a row of samples.csv, or an object of per_sample, holds of a unit.
template <class Visit>
void visit_sample_columns(const UnitNumbers& numbers, EvidenceColumns evidence, const Visit& visit) {
  visit(kScoredColumn, numbers.n_scored());
  visit_numbers_with_column(numbers, evidence, [&](const UnitNumber& field, const auto& number) {
    if (field.shown_in == ShownIn::kSamples) visit(field.column, number);
    if (field.column == std::string_view("keys_kept")) visit(kDensityColumn, numbers.attended_density());
  });
  const auto& divergence = numbers.divergence;
  visit_means(divergence ? std::optional(means_of(*divergence, numbers.n_scored())) : std::nullopt, visit);
}

}  // namespace kvcompare
