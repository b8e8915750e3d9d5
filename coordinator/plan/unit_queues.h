// The units that no worker has been given yet, arranged so that the next one is found fast.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "coordinator/plan/planned_unit.h"

namespace kvcompare {

class UnitQueues {
 public:
  using Index = std::int32_t;  // a place in the units that this was made of
  static constexpr Index kNone = -1;

  // All of them wait.
  //   units  : outlive this
  //   factor : that the planned cost of a method's units is to be multiplied with, as far as it is known now
  UnitQueues(std::span<const PlannedUnit> units, std::function<double(MethodIndex)> factor);

  bool is_empty() const { return n_ == 0; }
  bool is_waiting(Index unit) const { return is_waiting_[static_cast<std::size_t>(unit)]; }
  std::size_t n_methods() const { return queues_.size(); }
  double cost(Index unit) const;  // corrected by the factor of its method
  double total_cost() const;      // of all that wait, corrected

  void take(Index unit);

  // Each kNone if there is none.
  Index cheapest();
  Index cheapest_of(MethodIndex method);
  Index costliest_within(double most_cost);  // the most costly of a cost of at most that
  Index of_the_longest_sample();             // of several the first

 private:
  // Units of a method, most costly first. Those before `first` were taken; those after it may have been.
  struct Queue {
    std::vector<Index> units;
    std::size_t first = 0;
    double cost = 0;  // of all that wait, as planned
  };

  const PlannedUnit& planned(Index unit) const { return units_[static_cast<std::size_t>(unit)]; }
  Index first_waiting(Queue& queue) const;

  std::span<const PlannedUnit> units_;
  std::function<double(MethodIndex)> factor_;
  std::vector<bool> is_waiting_;
  std::vector<Queue> queues_;  // by method
  std::int64_t n_;
};

}  // namespace kvcompare
