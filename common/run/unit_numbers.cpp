#include "common/run/unit_numbers.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <tuple>
#include <utility>

#include "common/run/for_each_number.h"

namespace kvcompare {
namespace {

template <class Numbers>
void add_members(Numbers& sums, const Numbers& unit);

template <class Group>
void add_group(OverSamples over_samples, std::optional<Group>& sum, const std::optional<Group>& group) {
  if (sum && group)
    add_members(*sum, *group);
  else if (over_samples != OverSamples::kSumWhereThere)
    sum.reset();
  else if (group)
    sum = group;
}

template <class Numbers>
void add_members(Numbers& sums, const Numbers& unit) {
  const auto to = members_of(sums);
  const auto from = members_of(unit);
  const auto add_one = [](const UnitNumber& field, auto& sum, const auto& number) {
    if constexpr (HasFields<decltype(sum)>)
      add_members(sum, number);
    else if constexpr (kIsGroupThatMayBeAbsent<decltype(sum)>)
      add_group(field.over_samples, sum, number);
    else if (field.over_samples == OverSamples::kLargest)
      sum = std::max(sum, number);
    else
      sum += number;
  };
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (add_one(Numbers::kFields[I], std::get<I>(to), std::get<I>(from)), ...);
  }
  (std::make_index_sequence<Numbers::kFields.size()>{});
}

}  // namespace

void add(UnitNumbers& sums, const UnitNumbers& unit) { add_members(sums, unit); }

}  // namespace kvcompare
