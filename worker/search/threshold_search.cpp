#include "worker/search/threshold_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>
#include <variant>

#include "common/errors.h"
#include "common/run/chunking.h"
#include "common/run/instance_name.h"
#include "worker/engine/evaluator.h"
#include "worker/search/recorded_scores.h"

namespace kvcompare {
namespace {

const MethodIndex kSearched{1};
constexpr double kRoundingOfBracket = 0.05;  // of its width

Chunking chunking_of(const SearchScope& scope, const Sample& sample) {
  return chunking_of(std::ssize(sample.ids), sample.n_context, scope.chunk_size, scope.protocol);
}

// Calls visit(batch) for as many samples at once as suit the engine.
template <class Visit>
void for_each_batch(std::span<const Sample* const> samples, std::int64_t n_tokens_at_once,
                    const Visit& visit) {
  while (!samples.empty()) {
    std::size_t n = 0;
    for (std::int64_t n_tokens = 0; n < samples.size() && (n == 0 || n_tokens < n_tokens_at_once); ++n)
      n_tokens += std::ssize(samples[n]->ids);
    visit(samples.first(n));
    samples = samples.subspan(n);
  }
}

// Two thresholds whose densities, under their own evictions, enclose the target.
class Bracket {
 public:
  struct Point {
    double threshold;
    double density;
  };

  explicit Bracket(double target) : target_(target) {}

  void add(const Point& point) { (point.density > target_ ? above_ : below_) = point; }

  // The threshold that reaches the target if density is linear between the two. Absent: there are no two.
  std::optional<double> between() const {
    if (!above_ || !below_) return std::nullopt;
    const auto width = below_->threshold - above_->threshold;
    const auto share = (above_->density - target_) / (above_->density - below_->density);
    const auto exact = above_->threshold + share * width;
    return shortest_decimal(
        exact, [&](double few) { return std::abs(few - exact) <= kRoundingOfBracket * std::abs(width); });
  }

 private:
  double target_;
  std::optional<Point> above_, below_;
};

}  // namespace

std::int64_t SearchScope::n_tokens() const {
  std::int64_t n = 0;
  for (const auto* sample : samples) n += std::ssize(sample->ids);
  return n;
}

std::vector<const Sample*> searched_samples(const std::vector<Sample>& samples,
                                            const std::vector<SampleIndex>& skipped) {
  std::vector<const Sample*> searched;
  std::int64_t n_tokens = 0;
  for (const auto& sample : samples) {
    if (std::ranges::binary_search(skipped, sample.index)) continue;
    n_tokens += std::ssize(sample.ids);
    if (n_tokens > kMostSearchedTokens && !searched.empty()) break;
    searched.push_back(&sample);
  }
  return searched;
}

double least_density(const SearchScope& scope, const MethodSpec& method) {
  ThresholdDensity density;
  for (const auto* sample : scope.samples) {
    const auto chunking = chunking_of(scope, *sample);
    density.add_head(rule_of(method, chunking), chunking, std::vector<double>(sample->ids.size()));
  }
  return density.least();
}

ThresholdSearch::ThresholdSearch(SearchScope scope, EngineMaker make_engine)
    : scope_(std::move(scope)), make_engine_(std::move(make_engine)) {}

ThresholdSearch::Pass ThresholdSearch::pass(const MethodSpec& method) const {
  RecordedScores scores(scope_.n_layers, scope_.n_kv_heads);
  const auto row = recorded(method, scores);
  const MethodDescription& as_known_to_engines = row;
  Evaluator evaluator(make_engine_(std::span(&as_known_to_engines, 1)), scope_.device);
  Pass pass;
  KeyCounts sums;
  std::string failure;
  for_each_batch(scope_.samples, evaluator.n_tokens_at_once(), [&](std::span<const Sample* const> batch) {
    std::vector<Assignment> units;
    for (const auto* sample : batch) {
      scores.expect(*sample);
      units.push_back({{sample->index, kSearched}, *sample, method});
    }
    const auto outcomes = evaluator.evaluate(units);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const auto& sample = *batch[i];
      if (const auto* result = std::get_if<UnitResult>(&outcomes[i])) {
        const auto chunking = chunking_of(scope_, sample);
        const auto rule = rule_of(method, chunking);
        for (std::int64_t l = 0; l < scope_.n_layers; ++l)
          for (std::int64_t h = 0; h < scope_.n_kv_heads; ++h)
            pass.scores.add_head(rule, chunking, scores.of_head(sample.index, l, h));
        sums.attended += result->numbers.keys.attended;
        sums.attendable += result->numbers.keys.attendable;
        ++pass.n_samples;
        pass.n_tokens += std::ssize(sample.ids);
      } else {
        failure = std::get<UnitFailure>(outcomes[i]).reason;
      }
      scores.forget(sample.index);
    }
  });
  if (pass.n_samples == 0)
    throw ConfigError("target_density", "no sample could be evaluated under " + method.display_name +
                                            " to find its threshold: " + failure);
  pass.density = UnitNumbers{.keys = sums}.attended_density();
  require(pass.scores.at(std::get<ScoreThreshold>(method.policy).threshold) == pass.density,
          "the density that follows from the scores of " + method.name + " is the one that was counted");
  return pass;
}

ThresholdSearch::Pass& ThresholdSearch::pass_without_eviction(const MethodSpec& method) {
  const auto evicts_nothing = with_threshold(method, -std::numeric_limits<double>::infinity());
  if (unevicting_ != evicts_nothing) {
    without_eviction_ = pass(evicts_nothing);
    unevicting_ = evicts_nothing;
  }
  return without_eviction_;
}

FoundThreshold ThresholdSearch::find(const MethodSpec& method, double target_density) {
  FoundThreshold best{.target_density = target_density};
  Bracket bracket(target_density);
  std::set<double> tried;
  auto threshold = pass_without_eviction(method).scores.nearest(target_density);
  while (tried.size() < kMostEvictingPasses && tried.insert(threshold).second) {
    auto under_eviction = pass(with_threshold(method, threshold));
    const auto density = under_eviction.density;
    const auto distance = std::abs(density - target_density);
    if (best.n_samples == 0 || distance < std::abs(best.density - target_density)) {
      best.threshold = threshold;
      best.density = density;
      best.n_samples = under_eviction.n_samples;
      best.n_tokens = under_eviction.n_tokens;
    }
    if (distance <= kDensityTolerance) break;
    bracket.add({threshold, density});
    threshold = bracket.between().value_or(under_eviction.scores.nearest(target_density));
  }
  best.n_passes = 1 + static_cast<int>(tried.size());
  best.instance = instance_name(with_threshold(method, best.threshold));
  return best;
}

}  // namespace kvcompare
