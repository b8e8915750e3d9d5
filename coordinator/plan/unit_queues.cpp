#include "coordinator/plan/unit_queues.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace kvcompare {

UnitQueues::UnitQueues(std::span<const PlannedUnit> units, std::function<double(MethodIndex)> factor)
    : units_(units), factor_(std::move(factor)), is_waiting_(units.size(), true), n_(std::ssize(units)) {
  for (Index i = 0; i < n_; ++i) {
    const auto method = static_cast<std::size_t>(planned(i).unit.method.value);
    if (method >= queues_.size()) queues_.resize(method + 1);
    queues_[method].units.push_back(i);
    queues_[method].cost += planned(i).cost;
  }
  for (auto& queue : queues_)
    std::ranges::stable_sort(queue.units, std::greater(), [&](Index i) { return planned(i).cost; });
}

double UnitQueues::cost(Index unit) const { return planned(unit).cost * factor_(planned(unit).unit.method); }

double UnitQueues::total_cost() const {
  double total = 0;
  for (std::size_t m = 0; m < queues_.size(); ++m)
    total += queues_[m].cost * factor_(MethodIndex(static_cast<std::int64_t>(m)));
  return total;
}

void UnitQueues::take(Index unit) {
  is_waiting_[static_cast<std::size_t>(unit)] = false;
  --n_;
  queues_[static_cast<std::size_t>(planned(unit).unit.method.value)].cost -= planned(unit).cost;
}

UnitQueues::Index UnitQueues::cheapest() {
  Index found = kNone;
  for (std::size_t m = 0; m < queues_.size(); ++m)
    if (const auto unit = cheapest_of(MethodIndex(static_cast<std::int64_t>(m)));
        unit != kNone && (found == kNone || cost(unit) < cost(found)))
      found = unit;
  return found;
}

UnitQueues::Index UnitQueues::cheapest_of(MethodIndex method) {
  auto& queue = queues_[static_cast<std::size_t>(method.value)];
  while (queue.units.size() > queue.first && !is_waiting(queue.units.back())) queue.units.pop_back();
  return queue.units.size() > queue.first ? queue.units.back() : kNone;
}

UnitQueues::Index UnitQueues::first_waiting(Queue& queue) const {
  while (queue.first < queue.units.size() && !is_waiting(queue.units[queue.first])) ++queue.first;
  return queue.first < queue.units.size() ? queue.units[queue.first] : kNone;
}

// Of each method the first unit in question is the costliest one, so that of the longest sample.
UnitQueues::Index UnitQueues::of_the_longest_sample(const May& may) {
  const auto rank = [&](Index i) { return std::pair(-planned(i).n_tokens, planned(i).unit); };
  const auto is_in_question = [&](Index i) { return is_waiting(i) && may(planned(i).unit.sample); };
  Index found = kNone;
  for (auto& queue : queues_) {
    first_waiting(queue);
    const auto unit = std::find_if(queue.units.begin() + static_cast<std::ptrdiff_t>(queue.first),
                                   queue.units.end(), is_in_question);
    if (unit != queue.units.end() && (found == kNone || rank(*unit) < rank(found))) found = *unit;
  }
  return found;
}

std::span<const PlannedUnit> UnitQueues::all_of(SampleIndex sample) const {
  const auto [first, last] =
      std::ranges::equal_range(units_, sample, {}, [](const PlannedUnit& unit) { return unit.unit.sample; });
  return {first, last};
}

UnitQueues::Index UnitQueues::of_sample(SampleIndex sample) const {
  for (const auto& unit : all_of(sample))
    if (const auto index = static_cast<Index>(&unit - units_.data()); is_waiting(index)) return index;
  return kNone;
}

UnitQueues::Index UnitQueues::costliest_of_sample(SampleIndex sample, double most_cost) const {
  Index found = kNone;
  for (const auto& unit : all_of(sample))
    if (const auto index = static_cast<Index>(&unit - units_.data());
        is_waiting(index) && cost(index) <= most_cost && (found == kNone || cost(index) > cost(found)))
      found = index;
  return found;
}

UnitQueues::Index UnitQueues::costliest_within(double most_cost, const May& may) {
  Index found = kNone;
  for (auto& queue : queues_) {
    first_waiting(queue);
    auto unit = queue.units.begin() + static_cast<std::ptrdiff_t>(queue.first);
    if (unit != queue.units.end() && cost(*unit) > most_cost)
      unit = std::lower_bound(unit, queue.units.end(), most_cost,
                              [&](Index i, double most) { return cost(i) > most; });
    unit = std::find_if(unit, queue.units.end(),
                        [&](Index i) { return is_waiting(i) && may(planned(i).unit.sample); });
    if (unit != queue.units.end() && (found == kNone || cost(*unit) > cost(found))) found = *unit;
  }
  return found;
}

}  // namespace kvcompare
