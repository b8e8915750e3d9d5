#include "coordinator/plan/measured_rates.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace kvcompare {
namespace {

constexpr double kPrior = 0.2;  // in units; how many it takes to believe that a factor is not 1
constexpr double kEnough = 4;   // units of a group beyond this number add no weight
constexpr int kSweeps = 20;     // over methods and lengths in turn; the last sweeps change almost nothing

// A mean of values that includes the value 0 with the weight kPrior.
struct ShrunkMean {
  double sum = 0, weight = kPrior;
  void add(double value, double w) {
    sum += w * value;
    weight += w;
  }
  double value() const { return sum / weight; }
};

}  // namespace

MeasuredRates::Measured& MeasuredRates::Measured::operator+=(const Measured& more) {
  n += more.n;
  cost += more.cost;
  seconds += more.seconds;
  return *this;
}

MeasuredRates::Group MeasuredRates::group_of(MethodIndex method, std::int64_t n_tokens) {
  const auto tokens = static_cast<double>(std::max<std::int64_t>(1, n_tokens));
  const auto length = static_cast<int>(std::lround(2 * std::log2(tokens)));
  const auto [place, is_new] = places_.try_emplace({method, length}, groups_.size());
  if (is_new) {
    groups_.push_back({.method = method, .length = length, .done = {}, .under_way = {}});
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

void MeasuredRates::update() {
  double sum = 0, weight = 0;
  for (auto& group : groups_) {
    auto measured = group.done;
    measured += group.under_way;
    const bool is_measured = measured.cost > 0 && measured.seconds > 0;
    group.weight = is_measured ? std::min(measured.n, kEnough) : 0;
    group.log_rate = is_measured ? std::log(measured.seconds / measured.cost) : 0;
    sum += group.weight * group.log_rate;
    weight += group.weight;
  }
  is_known_ = weight > 0;
  if (!is_known_) return;
  mean_ = sum / weight;
  fit_factors();
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const auto& group = groups_[g];
    const auto method = methods_.find(group.method);
    const auto expected =
        mean_ + (method != methods_.end() ? method->second : 0) + factor_of_length(group.length);
    rates_[g] = std::exp((group.weight * group.log_rate + kPrior * expected) / (group.weight + kPrior));
  }
}

void MeasuredRates::fit_factors() {
  methods_.clear();
  lengths_.clear();
  for (const auto& group : groups_)
    if (group.weight > 0) methods_[group.method] = lengths_[group.length] = 0;
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    std::map<MethodIndex, ShrunkMean> of_method;
    for (const auto& group : groups_)
      if (group.weight > 0)
        of_method[group.method].add(group.log_rate - mean_ - lengths_.at(group.length), group.weight);
    for (const auto& [method, mean] : of_method) methods_[method] = mean.value();
    std::map<int, ShrunkMean> of_length;
    for (const auto& group : groups_)
      if (group.weight > 0)
        of_length[group.length].add(group.log_rate - mean_ - methods_.at(group.method), group.weight);
    for (const auto& [length, mean] : of_length) lengths_[length] = mean.value();
  }
}

// The factor of the nearest length that was measured.
double MeasuredRates::factor_of_length(int length) const {
  const auto above = lengths_.lower_bound(length);
  if (above == lengths_.begin()) return above->second;
  const auto below = std::prev(above);
  const bool is_above_nearer = above != lengths_.end() && above->first - length < length - below->first;
  return is_above_nearer ? above->second : below->second;
}

}  // namespace kvcompare
