// Finds the threshold at which queries read a given share of the keys (docs/semantics.md, section 2).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/data/sample.h"
#include "common/run/found_threshold.h"
#include "common/run/protocol.h"
#include "presses/policy/threshold_density.h"
#include "presses/registry.h"
#include "worker/engine/engine.h"

namespace kvcompare {

// A search is content with this distance of the density from the target.
inline constexpr double kDensityTolerance = 0.002;

// It goes on for so many passes of the model under eviction, and then takes the best threshold of them.
inline constexpr int kMostEvictingPasses = 4;

struct SearchScope {
  std::vector<const Sample*> samples;  // at least one; they outlive the search
  std::int64_t chunk_size = 1;
  Protocol protocol{};
  std::int64_t n_layers = 0;    // that evict
  std::int64_t n_kv_heads = 0;  // of a layer
  std::string device = "cpu";   // its name in messages

  std::int64_t n_tokens() const;
};

// The first samples that together have at most kMostSearchedTokens; at least one.
//   skipped : left out, ascending
std::vector<const Sample*> searched_samples(const std::vector<Sample>& samples,
                                            const std::vector<SampleIndex>& skipped);

// What queries read on these samples at least, whatever the threshold: a fact of chunks, window and first
// positions. Needs no model.
double least_density(const SearchScope& scope, const MethodSpec& method);

class ThresholdSearch {
 public:
  // Makes an engine that meets these methods beside the registry's.
  using EngineMaker = std::function<std::unique_ptr<Engine>(std::span<const MethodDescription>)>;

  ThresholdSearch(SearchScope scope, EngineMaker make_engine);

  // The first pass evicts nothing and keeps the scores; from them follows a threshold. Under its evictions
  // the deeper layers see other hidden states, so the scores change a little. The next passes evict by the
  // threshold found last, count what queries read, and correct it: by the scores under eviction, or between
  // two thresholds that enclose the target. Samples that fail are left out. Searches with methods that differ
  // in nothing but the target share the first pass.
  //   method : under a ScoreThreshold, whose threshold does not matter
  // Throws ConfigError("target_density") if the scores of the method are not fixed, or every sample fails.
  FoundThreshold find(const MethodSpec& method, double target_density);

 private:
  // One pass over the samples.
  struct Pass {
    ThresholdDensity scores{};
    double density = 0;  // as the engine counts it
    std::int64_t n_samples = 0;
    std::int64_t n_tokens = 0;
  };

  Pass pass(const MethodSpec& method) const;
  Pass& pass_without_eviction(const MethodSpec& method);

  SearchScope scope_;
  EngineMaker make_engine_;
  std::optional<MethodSpec> unevicting_;  // the instance of the pass that is remembered
  Pass without_eviction_{};
};

}  // namespace kvcompare
