#include "coordinator/reports/aggregate.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "common/errors.h"
#include "common/plural.h"
#include "common/run/dtype.h"
#include "common/run/instance_name.h"
#include "coordinator/comparison/instance_labels.h"
#include "coordinator/reports/warnings.h"

namespace kvcompare {
namespace {

constexpr double kShowingShare = 0.01;  // of all (query, key) pairs

double share(std::int64_t part, std::int64_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

// rows: of all samples, in data-set order; not empty.
Totals totals(const std::vector<SampleRow>& rows) {
  Totals totals{.sums = rows.front().numbers};
  totals.has_text = true;
  for (const auto& row : rows) {
    if (row.numbers.scored_bytes == 0) totals.has_text = false;
    if (&row != &rows.front()) add(totals.sums, row.numbers);
    totals.total_tokens += row.numbers.n_scored();
  }
  const auto& keys = totals.sums.keys;
  totals.avg_nll = totals.sums.total_nll / static_cast<double>(totals.total_tokens);
  totals.perplexity = std::exp(totals.avg_nll);
  totals.avg_compression_ratio = share(totals.keys_discarded(), keys.original);
  totals.attended_density = totals.sums.attended_density();
  if (keys.compressible > 0) totals.compressible_density = share(keys.compressible_kept, keys.compressible);
  return totals;
}

// Of the units that count, each once, in an order that does not depend on who was first.
std::vector<Numerics> numerics_of(const UnitTable& units, const std::vector<Numerics>& numerics) {
  std::set<int> places;
  for (const auto& [unit, record] : units)
    if (record.summary) places.insert(record.numerics);
  std::vector<Numerics> result;
  for (const int place : places)
    if (place >= 0 && place < std::ssize(numerics))
      result.push_back(numerics[static_cast<std::size_t>(place)]);
  std::ranges::sort(result, {}, [](const Numerics& one) {
    std::vector<std::string> values;
    for (const auto& field : numerics_fields()) values.push_back(one.*field.value);
    return values;
  });
  return result;
}

template <class Number>
void add(std::vector<Number>& sums, const std::vector<Number>& values) {
  sums.resize(std::max(sums.size(), values.size()));
  for (std::size_t i = 0; i < values.size(); ++i) sums[i] += values[i];
}

void add(NllByPosition& sums, const NllByPosition& values) {
  sums.bin_width = values.bin_width;
  add(sums.total_nll, values.total_nll);
  add(sums.n_scored, values.n_scored);
}

MethodResult gather_method(const MethodSpec& spec, MethodIndex method, const UnitTable& units) {
  MethodResult result{.spec = spec};
  for (const auto& [unit, record] : units) {
    if (unit.method != method) continue;
    if (!record.summary) {
      result.failed.push_back({unit.sample, record.reason, record.n_failed});
    } else {
      result.per_sample.push_back({unit.sample, *record.summary});
      result.seconds += record.seconds;
    }
  }
  if (result.failed.empty() && !result.per_sample.empty()) result.totals = totals(result.per_sample);
  return result;
}

// At most so many keys could scored queries have seen.
std::int64_t attendable_to_scored(const UnitNumbers& numbers) {
  return std::min(numbers.keys.attendable, numbers.n_scored() * numbers.keys.original);
}

void check_effect_of(const std::string& label, MethodIndex method, const UnitTable& units) {
  std::int64_t n_different = 0, n_suspicious = 0;
  for (const auto& [unit, record] : units) {
    if (unit.method != method) continue;
    const auto baseline = units.find({unit.sample, MethodIndex(0)});
    if (!record.summary || baseline == units.end() || !baseline->second.summary) continue;
    if (record.numerics != baseline->second.numerics) continue;  // their last bits differ anyway
    const auto *with = &*record.summary, *without = &*baseline->second.summary;
    const bool equal = with->total_nll == without->total_nll;
    if (with->keys.withheld_from_scored == 0) {
      // Engines compute queries in groups. In a group with queries that are not scored, and from which keys
      // are withheld, last bits may differ.
      if (with->n_unscored > 0 && with->keys.attended < with->keys.attendable) continue;
      require(equal, label + " withheld no key from any scored query of sample " +
                         std::to_string(unit.sample.value) + ", yet its NLL differs from the baseline's");
    } else if (!equal) {
      ++n_different;
    } else if (share(with->keys.withheld_from_scored, attendable_to_scored(*with)) >= kShowingShare) {
      ++n_suspicious;
    }
  }
  require(n_suspicious == 0 || n_different > 0,
          label + " withheld keys from scored queries of " + counted(n_suspicious, "sample") +
              ", yet its NLL equals the baseline's bit for bit in all of them: its numbers are not "
              "to be trusted, "
              "unless each of these samples is one token repeated, or the model ignores its values");
}

// Bytes of a key and its value, in the number format that the run computes in; 0 if that is not known.
std::int64_t bytes_of_key(const JournalHeader& header) {
  return header.spec.dtype ? 2 * header.model.head_dim * bytes_of(*header.spec.dtype) : 0;
}

// Keys that the layers hold which slide by themselves, at the end and at most. They are in no count of keys.
std::int64_t n_keys_in_windows(const MethodResult& method, const ModelShape& model) {
  std::int64_t n = 0;
  if (!model.sliding_window) return n;
  for (const auto& row : method.per_sample) n += std::min(row.numbers.n_tokens, *model.sliding_window);
  return n * model.n_sliding_layers() * model.n_kv_heads;
}

void put_cache_bytes(MethodResult& method, const JournalHeader& header) {
  if (!method.totals) return;
  const auto& keys = method.totals->sums.keys;
  const auto in_windows = n_keys_in_windows(method, header.model);
  method.totals->cache_bytes_end = (keys.kept + in_windows) * bytes_of_key(header);
  method.totals->peak_cache_bytes = (keys.peak + in_windows) * bytes_of_key(header);
}

// Of several densities that led to the same threshold the first one.
std::optional<FoundThreshold> found_threshold_of(const MethodSpec& spec, const JournalHeader& header) {
  const auto found =
      std::ranges::find(header.found_thresholds, instance_name(spec), &FoundThreshold::instance);
  return found == header.found_thresholds.end() ? std::nullopt : std::optional(*found);
}

}  // namespace

void check_effect(const RunSpec& spec, const UnitTable& units) {
  const auto labels = instance_labels(spec.methods);
  for (std::size_t m = 1; m < spec.methods.size(); ++m)
    check_effect_of(labels[m], MethodIndex(static_cast<std::int64_t>(m)), units);
}

Comparison aggregate(const JournalHeader& header, const UnitTable& units,
                     const std::vector<Numerics>& numerics) {
  const auto computed_with = numerics_of(units, numerics);
  Comparison comparison{.spec = header.spec,
                        .fingerprint = fingerprint_of(with_numerics(header.identity, computed_with)),
                        .model = header.model,
                        .places = header.places,
                        .inputs = inputs_of(header.identity),
                        .numerics = computed_with,
                        .n_samples = header.n_samples,
                        .skipped = header.skipped,
                        .bad_lines = header.bad_lines,
                        .truncated = header.truncated,
                        .warnings = warnings_of(header, units, computed_with)};
  const auto labels = instance_labels(header.spec.methods);
  for (std::size_t m = 0; m < header.spec.methods.size(); ++m) {
    comparison.methods.push_back(
        gather_method(header.spec.methods[m], MethodIndex(static_cast<std::int64_t>(m)), units));
    comparison.methods.back().label = labels[m];
    comparison.methods.back().found_threshold = found_threshold_of(header.spec.methods[m], header);
  }
  for (MethodResult& method : comparison.methods) put_cache_bytes(method, header);
  return comparison;
}

void add_details(Comparison& comparison, const std::function<UnitResult(UnitId)>& read_unit) {
  for (std::size_t m = 0; m < comparison.methods.size(); ++m) {
    auto& method = comparison.methods[m];
    for (const auto& row : method.per_sample) {
      const auto unit = read_unit({row.sample, MethodIndex(static_cast<std::int64_t>(m))});
      add(method.nll_by_position, unit.nll_by_position);
      add(method.kept_per_head, unit.kept.per_head);
      merge(method.sketches.kl, unit.sketches.kl);
      merge(method.sketches.delta_p, unit.sketches.delta_p);
    }
  }
}

}  // namespace kvcompare
