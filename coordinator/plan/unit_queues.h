// The units that have not been assigned yet, arranged so that the next one is found fast.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "coordinator/plan/planned_unit.h"

namespace kvcompare {

class UnitQueues {
 public:
  using Index = std::int32_t;  // an index into the units given to the constructor
  static constexpr Index kNone = -1;

  // All units are waiting at first.
  //   units  : ascending by id; must outlive this object
  //   factor : by how much the planned cost of a method's units must be multiplied, as far as is known now
  UnitQueues(std::span<const PlannedUnit> units, std::function<double(MethodIndex)> factor);

  bool is_empty() const { return n_ == 0; }
  bool is_waiting(Index unit) const { return is_waiting_[static_cast<std::size_t>(unit)]; }
  std::size_t n_methods() const { return queues_.size(); }
  double cost(Index unit) const;  // multiplied by the factor of its method
  double total_cost() const;      // of all waiting units, corrected

  void take(Index unit);

  // These return kNone if there is no such unit.
  Index cheapest();
  Index cheapest_of(MethodIndex method);
  // `may` says which samples come into question.
  using May = std::function<bool(SampleIndex)>;
  // The most expensive unit of at most this cost.
  Index costliest_within(double most_cost, const May& may = any);
  Index of_the_longest_sample(const May& may = any);  // the first if there are several
  Index of_sample(SampleIndex sample) const;          // the first
  Index costliest_of_sample(SampleIndex sample, double most_cost) const;

 private:
  static bool any(SampleIndex) { return true; }

  // Units of one method, most expensive first. Units before `first` have been taken; units after it may have
  // been.
  struct Queue {
    std::vector<Index> units;
    std::size_t first = 0;
    double cost = 0;  // of all waiting units, as planned
  };

  const PlannedUnit& planned(Index unit) const { return units_[static_cast<std::size_t>(unit)]; }
  Index first_waiting(Queue& queue) const;
  std::span<const PlannedUnit> all_of(SampleIndex sample) const;

  std::span<const PlannedUnit> units_;
  std::function<double(MethodIndex)> factor_;
  std::vector<bool> is_waiting_;
  std::vector<Queue> queues_;  // by method
  std::int64_t n_;
};

}  // namespace kvcompare
