// The numbers of a unit one by one, whatever struct they stand in.
#pragma once

#include "common/fields.h"
#include "common/run/unit_numbers.h"

namespace kvcompare {

// Calls visit(UnitNumber, number) for each number of UnitNumbers, or of a group within it.
template <HasFields Numbers, class Visit>
void for_each_number(Numbers& numbers, const Visit& visit) {
  for_each_field(numbers, [&](const UnitNumber& field, auto& member) {
    if constexpr (HasFields<decltype(member)>)
      for_each_number(member, visit);
    else
      visit(field, member);
  });
}

}  // namespace kvcompare
