// The statistics of a comparison: how far the differences between methods would move with other samples.
// Definitions: docs/semantics.md, "Statistics".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/ids.h"

namespace kvcompare {

inline constexpr std::int64_t kResamples = 10'000;  // of the bootstrap; the sign-flip test has as many flips
inline constexpr std::int64_t kFewestSamples = 8;   // for an interval or a p-value
inline constexpr std::size_t kMostPairsOf = 250;    // with more instances than this, pairs are not compared
inline constexpr double kSignificance = 0.05;       // of the p-value after Holm's correction

// A 95 % interval: from the 2.5 to the 97.5 percentile of the resamples.
struct Interval {
  double low = 0;
  double high = 0;

  bool leaves_out_zero() const { return low > 0 || high < 0; }
  friend bool operator==(const Interval&, const Interval&) = default;
};

// An instance compared with the baseline. All members are absent for the baseline itself, and for an instance
// with a failed unit.
struct AgainstBaseline {
  std::optional<double> avg_nll_delta{};  // nats a token, instance - baseline
  std::optional<Interval> avg_nll_delta_ci95{};
  std::optional<Interval> ppl_delta_ci95{};
  std::optional<double> p_value{};       // sign-flip test, two-sided
  std::optional<double> p_value_holm{};  // after Holm's correction over all instances
  std::string reason{};                  // why intervals and p-values are missing; empty if they are not
  std::string ppl_reason{};              // why only ppl_delta_ci95 is missing

  // True if the interval leaves out 0, and the p-value after Holm's correction is significant.
  bool is_different() const {
    return avg_nll_delta_ci95 && avg_nll_delta_ci95->leaves_out_zero() && p_value_holm &&
           *p_value_holm < kSignificance;
  }
};

// How far the means of what is measured token by token, or answer by answer, would move with other samples.
// Of an instance without totals all are absent, and of the baseline mean_kl and same_top1. Without evidence
// evidence_kept is absent.
struct QualityIntervals {
  std::optional<Interval> mean_kl{};  // nats
  std::optional<Interval> same_top1{};
  std::optional<Interval> greedy_accuracy{};
  std::optional<Interval> answers{};
  std::optional<Interval> evidence_kept{};
  std::string reason{};                // why one whose mean is known is missing
  std::string answers_reason{};        // why only answers is missing
  std::string evidence_kept_reason{};  // why only evidence_kept is missing

  friend bool operator==(const QualityIntervals&, const QualityIntervals&) = default;
};

// The difference of two instances. Neither is the baseline, and neither has a failed unit.
struct Difference {
  MethodIndex a, b;               // a < b, places in Comparison::methods
  double avg_nll_difference = 0;  // nats a token, a - b
  std::optional<Interval> ci95{};
  std::optional<double> p_value{};
  std::optional<double> p_value_holm{};  // over all pairs
  std::string reason{};                  // why interval and p-values are missing

  bool is_different() const {
    return ci95 && ci95->leaves_out_zero() && p_value_holm && *p_value_holm < kSignificance;
  }
};

// The cost of a method's sweep at a density, by linear interpolation between neighbouring points.
struct AtDensity {
  double density = 0;       // attended_density
  std::string method_name;  // as reported: "StreamingLLM"
  std::string label;        // the sweep's name: method_name, and what distinguishes it from another sweep of
                            // the method
  std::vector<MethodIndex> points{};      // the points of the sweep, by density
  std::optional<double> avg_nll_delta{};  // absent if the density is beyond the ends
  std::optional<Interval> ci95{};
  std::string reason{};  // why one of these is missing
};

struct Statistics {
  std::vector<AgainstBaseline> against_baseline;  // [Comparison::methods]
  std::vector<QualityIntervals> quality{};        // [Comparison::methods]
  std::vector<Difference> differences;            // by a, then b
  std::string differences_reason{};               // why there are no differences at all
  std::vector<AtDensity> equal_density;           // by density in the order asked for, then by sweep
};

}  // namespace kvcompare
