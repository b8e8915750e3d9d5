// A threshold that is to be found, and one that has been. Definition: docs/semantics.md, section 2.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/run/method_spec.h"

namespace kvcompare {

// The flag that asks for a density in the place of a threshold.
inline constexpr std::string_view kTargetDensity = "target_density";

// So many tokens of the data set are searched, unless its first sample alone has more.
inline constexpr std::int64_t kMostSearchedTokens = 32768;

// Until its threshold is found, an instance has the density that is asked for as a parameter. Two densities
// are two instances, then, and neither is one whose threshold was given.
//   method : under a ScoreThreshold
MethodSpec with_target_density(MethodSpec method, double target_density);

// Absent: the instance is complete.
std::optional<double> target_density_of(const MethodSpec& method);

// The complete instance: with this threshold, and without a density that is asked for.
MethodSpec with_threshold(MethodSpec method, double threshold);

// What a search has found. No number of the instance depends on it but through its threshold.
struct FoundThreshold {
  std::string instance{};     // instance_name() of the complete instance
  double target_density = 0;  // that was asked for
  double threshold = 0;
  double density = 0;          // attended_density at this threshold on the samples that were searched
  std::int64_t n_samples = 0;  // the first ones of the data set that were searched
  std::int64_t n_tokens = 0;   // of these samples
  int n_passes = 0;            // of the model over these samples

  static constexpr std::array kFields{"instance", "target_density", "threshold", "density",
                                      "samples",  "tokens",         "passes"};
  friend bool operator==(const FoundThreshold&, const FoundThreshold&) = default;
};

}  // namespace kvcompare
