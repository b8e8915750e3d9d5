// Learns how many seconds a predicted cost of 1 takes, by method and by length of the sample. A rate is a
// mean, times a factor of the method, times a factor of the length, times what was measured of just this
// method and length. So if only short samples of a method were measured, the rate for its long samples
// follows from how the other methods grow with the length.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "common/ids.h"

namespace kvcompare {

class MeasuredRates {
 public:
  // A group holds the units of one method whose lengths differ by a factor of less than about 1.5.
  using Group = std::size_t;
  Group group_of(MethodIndex method, std::int64_t n_tokens);
  std::size_t n_groups() const { return groups_.size(); }

  // Adds a measurement.
  //   n : number of units; a part of a unit counts as such a part
  // Of units that are still being evaluated only the last call counts; forget_guesses() takes all of these
  // calls back.
  void add(Group group, double n, double cost, double seconds);
  void guess(Group group, double n, double cost, double seconds);
  void forget_guesses();

  // Makes everything that was added so far take effect.
  void update();

  bool is_known() const { return is_known_; }
  double of(Group group) const { return rates_[group]; }  // 0 if nothing is known yet

 private:
  struct Measured {
    double n = 0, cost = 0, seconds = 0;
    Measured& operator+=(const Measured& more);
  };
  struct OfGroup {
    MethodIndex method;
    int length = 0;  // in half octaves
    Measured done, under_way;
    double weight = 0;    // units measured; 0 if none
    double log_rate = 0;  // as measured
  };
  void fit_factors();
  double factor_of_length(int length) const;

  std::vector<OfGroup> groups_;
  std::map<std::pair<MethodIndex, int>, Group> places_;
  double mean_ = 0;                        // mean_, methods_ and lengths_ are logarithms
  std::map<MethodIndex, double> methods_;  // of the methods that were measured
  std::map<int, double> lengths_;
  std::vector<double> rates_;
  bool is_known_ = false;
};

}  // namespace kvcompare
