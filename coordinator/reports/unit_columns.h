// The numbers of a unit as reports show them, in their order: what UnitNumbers lists, and what follows from
// it. A number that may be absent is an optional.
#pragma once

#include <optional>
#include <string_view>

#include "common/run/for_each_number.h"
#include "coordinator/reports/divergence_means.h"

namespace kvcompare {

inline constexpr const char* kScoredColumn = "n_scored";
inline constexpr const char* kDensityColumn = "attended_density";

// Calls visit(column, unit of measurement, number) for what a row of results.h5's /units holds of a unit.
template <class Visit>
void visit_hdf5_columns(const UnitNumbers& numbers, const Visit& visit) {
  for_each_number(numbers, [&](const UnitNumber& field, const auto& number) {
    if (field.shown_in != ShownIn::kJournal) visit(field.column, field.unit, number);
    if (field.column == std::string_view("n_tokens")) visit(kScoredColumn, field.unit, numbers.n_scored());
  });
}

// Calls visit(column, number) for what a row of samples.csv, or an object of per_sample, holds of a unit.
template <class Visit>
void visit_sample_columns(const UnitNumbers& numbers, const Visit& visit) {
  visit(kScoredColumn, numbers.n_scored());
  for_each_number(numbers, [&](const UnitNumber& field, const auto& number) {
    if (field.shown_in == ShownIn::kSamples) visit(field.column, number);
    if (field.column == std::string_view("keys_kept")) visit(kDensityColumn, numbers.attended_density());
  });
  const auto& divergence = numbers.divergence;
  visit_means(divergence ? std::optional(means_of(*divergence, numbers.n_scored())) : std::nullopt, visit);
}

}  // namespace kvcompare
