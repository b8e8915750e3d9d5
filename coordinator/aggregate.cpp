#include "coordinator/aggregate.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <variant>

#include "common/errors.h"

namespace kvcompare {
namespace {

constexpr double kShowingShare = 0.01;  // of all (query, key) pairs

double share(std::int64_t part, std::int64_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

SampleRow row(const UnitResult& result) {
  return {.sample = result.unit.sample,
          .n_scored = result.n_tokens - 1,
          .total_nll = result.total_nll,
          .keys_original = result.keys.original,
          .keys_kept = result.keys.kept(),
          .attended_density = share(result.keys.attended, result.keys.attendable),
          .peak_keys = result.keys.peak};
}

// results: of all samples, in data-set order; not empty.
Totals totals(const std::vector<const UnitResult*>& results) {
  Totals sum;
  std::int64_t attended = 0, attendable = 0, compressible = 0, compressible_kept = 0;
  for (const auto* result : results) {
    sum.total_nll += result->total_nll;
    sum.total_tokens += result->n_tokens - 1;
    sum.keys_original += result->keys.original;
    sum.keys_kept += result->keys.kept();
    sum.peak_keys = std::max(sum.peak_keys, result->keys.peak);
    attended += result->keys.attended;
    attendable += result->keys.attendable;
    compressible += result->keys.compressible;
    compressible_kept += result->keys.compressible_kept;
  }
  sum.avg_nll = sum.total_nll / static_cast<double>(sum.total_tokens);
  sum.perplexity = std::exp(sum.avg_nll);
  sum.avg_compression_ratio = share(sum.keys_discarded(), sum.keys_original);
  sum.attended_density = share(attended, attendable);
  if (compressible > 0) sum.compressible_density = share(compressible_kept, compressible);
  return sum;
}

const UnitResult* result_of(const Gathered& gathered, UnitId unit) {
  const auto found = gathered.units.find(unit);
  return found == gathered.units.end() ? nullptr : std::get_if<UnitResult>(&found->second.outcome);
}

MethodResult gather_method(const MethodSpec& spec, MethodIndex method, const Gathered& gathered) {
  MethodResult result{.spec = spec};
  std::vector<const UnitResult*> done;
  for (const auto& [unit, attempted] : gathered.units) {
    if (unit.method != method) continue;
    if (const auto* failure = std::get_if<UnitFailure>(&attempted.outcome)) {
      result.failed.push_back({unit.sample, failure->reason, attempted.n_attempts});
    } else {
      done.push_back(&std::get<UnitResult>(attempted.outcome));
      result.per_sample.push_back(row(*done.back()));
      result.seconds += done.back()->seconds;
    }
  }
  if (result.failed.empty() && !done.empty()) result.totals = totals(done);
  return result;
}

void check_effect_of(const MethodSpec& spec, MethodIndex method, const Gathered& gathered) {
  std::int64_t n_different = 0, n_suspicious = 0;
  for (const auto& [unit, attempted] : gathered.units) {
    if (unit.method != method) continue;
    const auto* with = std::get_if<UnitResult>(&attempted.outcome);
    const auto* without = result_of(gathered, {unit.sample, MethodIndex(0)});
    if (!with || !without) continue;
    const bool equal = with->total_nll == without->total_nll;
    if (with->keys.withheld_from_scored == 0) {
      require(equal, spec.display_name + " withheld no key from any scored query of sample " +
                         std::to_string(unit.sample.value) + ", yet its NLL differs from the baseline's");
    } else if (!equal) {
      ++n_different;
    } else if (share(with->keys.withheld_from_scored, with->keys.attendable) >= kShowingShare) {
      ++n_suspicious;
    }
  }
  require(n_suspicious == 0 || n_different > 0,
          spec.display_name + " withheld keys from scored queries of " + std::to_string(n_suspicious) +
              " samples, yet its NLL equals the baseline's bit for bit in all of them: its numbers are not "
              "to be trusted, "
              "unless each of these samples is one token repeated, or the model ignores its values");
}

}  // namespace

void check_effect(const RunSpec& spec, const Gathered& gathered) {
  for (std::size_t m = 1; m < spec.methods.size(); ++m)
    check_effect_of(spec.methods[m], MethodIndex(static_cast<std::int64_t>(m)), gathered);
}

Comparison aggregate(const RunSpec& spec, const Plan& plan, const Gathered& gathered) {
  Comparison comparison{.spec = spec, .skipped = plan.skipped};
  comparison.n_samples = std::ssize(plan.units) / std::ssize(spec.methods) + std::ssize(plan.skipped);
  for (std::size_t m = 0; m < spec.methods.size(); ++m)
    comparison.methods.push_back(
        gather_method(spec.methods[m], MethodIndex(static_cast<std::int64_t>(m)), gathered));
  return comparison;
}

}  // namespace kvcompare
