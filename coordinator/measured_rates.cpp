#include "coordinator/measured_rates.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace kvcompare {
namespace {

constexpr double kOfOthers =
    0.1;  // units of other methods count as so many of the method itself, all together
constexpr double kFarther = 0.1;  // what is a half octave longer or shorter counts so much

}  // namespace

MeasuredRates::Measured& MeasuredRates::Measured::operator+=(const Measured& more) {
  n += more.n;
  cost += more.cost;
  seconds += more.seconds;
  return *this;
}

MeasuredRates::Measured MeasuredRates::OfGroup::all() const {
  auto sum = done;
  return sum += under_way;
}

MeasuredRates::Group MeasuredRates::group_of(MethodIndex method, std::int64_t n_tokens) {
  const auto tokens = static_cast<double>(std::max<std::int64_t>(1, n_tokens));
  const auto length = static_cast<int>(std::lround(2 * std::log2(tokens)));
  const auto [place, is_new] = places_.try_emplace({method, length}, groups_.size());
  if (is_new) {
    groups_.push_back({.method = method, .length = length, .done = {}, .under_way = {}});
    of_method_[method].push_back(place->second);
    rates_.push_back(0);
  }
  return place->second;
}

void MeasuredRates::add(Group group, double n, double cost, double seconds) {
  groups_[group].done += {n, cost, seconds};
}

void MeasuredRates::guess(Group group, double n, double cost, double seconds) {
  groups_[group].under_way += {n, cost, seconds};
}

void MeasuredRates::forget_guesses() {
  for (auto& group : groups_) group.under_way = {};
}

void MeasuredRates::add_to(Mean& mean, const OfGroup& group, int length) {
  const auto measured = group.all();
  if (!(measured.cost > 0) || !(measured.seconds > 0)) return;
  const auto weight = measured.n * std::pow(kFarther, std::abs(group.length - length));
  mean.sum += weight * measured.seconds / measured.cost;
  mean.weight += weight;
}

void MeasuredRates::update() {
  std::map<int, Mean> of_all;  // by length
  for (const auto& group : groups_) of_all.try_emplace(group.length);
  for (auto& [length, mean] : of_all)
    for (const auto& group : groups_) add_to(mean, group, length);
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const auto& [sum, weight] = of_all.at(groups_[g].length);
    is_known_ = weight > 0;
    if (!is_known_) return;
    Mean mean{.sum = kOfOthers * sum / weight, .weight = kOfOthers};
    for (const auto other : of_method_.at(groups_[g].method)) add_to(mean, groups_[other], groups_[g].length);
    rates_[g] = mean.sum / mean.weight;
  }
}

}  // namespace kvcompare
