// Seconds for a predicted cost of 1, by method and length of the sample, from those that were measured: a
// mean, times a factor of the method, times a factor of the length, and what was measured of just this method
// and length. So a method of which only short samples were measured is foretold for long ones from how others
// grow.
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
  // Units of a method whose lengths differ by a factor of less than 1.5 or so.
  using Group = std::size_t;
  Group group_of(MethodIndex method, std::int64_t n_tokens);
  std::size_t n_groups() const { return groups_.size(); }

  // n: units; a part of one counts as such a part. Of what is under way only the last call counts:
  // forget_guesses() takes all of them back.
  void add(Group group, double n, double cost, double seconds);
  void guess(Group group, double n, double cost, double seconds);
  void forget_guesses();

  // What was added until now takes effect.
  void update();

  bool is_known() const { return is_known_; }
  double of(Group group) const { return rates_[group]; }  // 0 as long as nothing is known

 private:
  struct Measured {
    double n = 0, cost = 0, seconds = 0;
    Measured& operator+=(const Measured& more);
  };
  struct OfGroup {
    MethodIndex method;
    int length = 0;  // in half octaves
    Measured done, under_way;
    double weight = 0;    // units; 0 if nothing was measured
    double log_rate = 0;  // measured
  };
  void fit_factors();
  double factor_of_length(int length) const;

  std::vector<OfGroup> groups_;
  std::map<std::pair<MethodIndex, int>, Group> places_;
  double mean_ = 0;                        // these three are logarithms
  std::map<MethodIndex, double> methods_;  // that were measured
  std::map<int, double> lengths_;
  std::vector<double> rates_;
  bool is_known_ = false;
};

}  // namespace kvcompare
