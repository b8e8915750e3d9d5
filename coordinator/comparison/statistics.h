// What the samples say of the methods beyond the sums over all of them: how far the differences would move
// with other samples. Definitions: docs/semantics.md, "Statistics".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/ids.h"

namespace kvcompare {

inline constexpr std::int64_t kResamples = 10'000;  // of the bootstrap; as many flips of signs
inline constexpr std::int64_t kFewestSamples = 8;   // for an interval or a p-value
inline constexpr std::size_t kMostPairsOf = 250;    // instances; beyond that they are not compared in pairs
inline constexpr double kSignificance = 0.05;       // of the p-value after Holm's correction

// 95 %: from the 2.5 to the 97.5 percentile of the resamples.
struct Interval {
  double low = 0;
  double high = 0;

  bool leaves_out_zero() const { return low > 0 || high < 0; }
  friend bool operator==(const Interval&, const Interval&) = default;
};

// An instance against the baseline. Of the baseline itself, and of an instance with a failed unit, nothing is
// there.
struct AgainstBaseline {
  std::optional<double> avg_nll_delta{};  // nats a token, instance - baseline
  std::optional<Interval> avg_nll_delta_ci95{};
  std::optional<Interval> ppl_delta_ci95{};
  std::optional<double> p_value{};       // sign-flip test, two-sided
  std::optional<double> p_value_holm{};  // after Holm's correction over all instances
  std::string reason{};                  // why intervals and p-values are not there; empty if they are
  std::string ppl_reason{};              // why ppl_delta_ci95 alone is not there

  // The interval leaves out 0, and so does the test after Holm's correction.
  bool is_different() const {
    return avg_nll_delta_ci95 && avg_nll_delta_ci95->leaves_out_zero() && p_value_holm &&
           *p_value_holm < kSignificance;
  }
};

// Two instances, neither of them the baseline, none of them with a failed unit.
struct Difference {
  MethodIndex a, b;               // a < b, places in Comparison::methods
  double avg_nll_difference = 0;  // nats a token, a - b
  std::optional<Interval> ci95{};
  std::optional<double> p_value{};
  std::optional<double> p_value_holm{};  // over all pairs
  std::string reason{};                  // why interval and p-values are not there

  bool is_different() const {
    return ci95 && ci95->leaves_out_zero() && p_value_holm && *p_value_holm < kSignificance;
  }
};

// What a method's sweep would cost at a density, by linear interpolation between its neighbouring points.
struct AtDensity {
  double density = 0;       // attended_density
  std::string method_name;  // as reported: "StreamingLLM"
  std::string label;        // of the sweep: method_name, and what tells it from another sweep of the method
  std::vector<MethodIndex> points{};      // of the sweep, by density
  std::optional<double> avg_nll_delta{};  // absent if the density is beyond the ends
  std::optional<Interval> ci95{};
  std::string reason{};  // why one of them is not there
};

struct Statistics {
  std::vector<AgainstBaseline> against_baseline;  // [Comparison::methods]
  std::vector<Difference> differences;            // by a, then b
  std::string differences_reason{};               // why there are none at all
  std::vector<AtDensity> equal_density;           // by density as asked for, then by sweep
};

}  // namespace kvcompare
