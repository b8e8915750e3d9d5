// The numbers of a unit one by one, whatever struct they stand in.
#pragma once

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "common/fields.h"
#include "common/run/unit_numbers.h"

namespace kvcompare {

template <class T>
inline constexpr bool kIsOptionalGroup = false;
template <HasFields Group>
inline constexpr bool kIsOptionalGroup<std::optional<Group>> = true;

// Whether a member is a group of numbers that are all there or all absent.
template <class Member>
inline constexpr bool kIsGroupThatMayBeAbsent = kIsOptionalGroup<std::remove_cvref_t<Member>>;

namespace optional_group {

template <HasFields Group, class Visit>
void visit_members(const std::optional<Group>& group, const Visit& visit) {
  const Group none{};
  for_each_field(group ? *group : none, [&](const UnitNumber& field, const auto& number) {
    using Number = std::remove_cvref_t<decltype(number)>;
    visit(field, group ? std::optional<Number>(number) : std::nullopt);
  });
}

template <HasFields Group, class Visit>
void visit_members(std::optional<Group>& group, const Visit& visit) {
  Group found = group.value_or(Group{});
  std::size_t n_absent = 0;
  for_each_field(found, [&](const UnitNumber& field, auto& number) {
    using Number = std::remove_cvref_t<decltype(number)>;
    auto one = group ? std::optional<Number>(number) : std::nullopt;
    visit(field, one);
    if (one)
      number = *one;
    else
      ++n_absent;
  });
  if (n_absent > 0 && n_absent < Group::kFields.size())
    throw std::invalid_argument("lacks some of the numbers that are measured together");
  group = n_absent == 0 ? std::optional<Group>(found) : std::nullopt;
}

}  // namespace optional_group

// Calls visit(UnitNumber, number) for each number of UnitNumbers, or of a group within it. A number of a
// group that may be absent comes as an optional. If `numbers` is not const, a visit may fill such an
// optional. Throws std::invalid_argument if the visits fill only some of a group.
template <HasFields Numbers, class Visit>
void for_each_number(Numbers& numbers, const Visit& visit) {
  for_each_field(numbers, [&](const UnitNumber& field, auto& member) {
    if constexpr (HasFields<decltype(member)>)
      for_each_number(member, visit);
    else if constexpr (kIsGroupThatMayBeAbsent<decltype(member)>)
      optional_group::visit_members(member, visit);
    else
      visit(field, member);
  });
}

}  // namespace kvcompare
