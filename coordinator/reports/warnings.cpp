#include "coordinator/reports/warnings.h"

#include <algorithm>
#include <iomanip>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <variant>

#include "common/plural.h"
#include "common/run/method_parameters.h"
#include "coordinator/comparison/instance_labels.h"
#include "coordinator/statistics/attainable.h"

namespace kvcompare {
namespace {

constexpr std::int64_t kNearlyNothing = 100;  // one key in so many

// numerics: two or more
Warning mixed_hardware(const std::vector<Numerics>& numerics) {
  std::string text = "units were computed with " + std::to_string(numerics.size()) +
                     " kinds of arithmetic, whose last bits differ";
  for (const auto& line : differences(numerics[1], numerics[0])) text += "; " + line;
  return {.code = "mixed_hardware", .text = text, .method = {}, .n_samples = 0};
}

class Warnings {
 public:
  Warnings(const JournalHeader& header, const UnitTable& units) : header_(header), units_(units) {
    for (const auto& [unit, record] : units)
      if (record.summary) lengths_[unit.sample] = record.summary->n_tokens;
  }

  std::vector<Warning> all() {
    add_of_samples();
    if (header_.spec.methods.size() > 1) add_of_chunks();
    const auto& methods = header_.spec.methods;
    const auto labels = instance_labels(methods);
    for (std::size_t m = 1; m < methods.size(); ++m) {
      add_of_sinks_and_window(methods[m], labels[m]);
      add_of_evictions(MethodIndex(static_cast<std::int64_t>(m)), methods[m], labels[m]);
    }
    return std::move(found_);
  }

 private:
  void add(const char* code, std::int64_t n_samples, std::string text, std::string method = {}) {
    if (n_samples > 0) found_.push_back({code, std::move(text), std::move(method), n_samples});
  }

  std::int64_t n_up_to(std::int64_t length) const {
    return std::ranges::count_if(lengths_, [&](const auto& one) { return one.second <= length; });
  }

  std::string of_samples(std::int64_t n) const {
    return std::to_string(n) + " of " + counted(std::ssize(lengths_), "sample");
  }

  void add_of_samples() {
    const auto& cut = header_.truncated;
    add("truncated", cut.n_samples,
        counted(cut.n_samples, "sample") + " had more than --max_length " +
            std::to_string(header_.spec.max_length) + " tokens: " + counted(cut.n_tokens, "token") +
            " were cut off; a larger --max_length keeps them");
    if (const auto n_cut = cut.n_scored_ranges)
      add("cut_scored", *n_cut,
          counted(*n_cut, "scored range") + " reached beyond --max_length " +
              std::to_string(header_.spec.max_length) +
              ": what is left of them is scored, but none of them counts as a whole answer; a larger "
              "--max_length keeps them");
    const auto most = header_.model.max_position_embeddings;
    const auto n_beyond = std::ssize(lengths_) - n_up_to(most);
    add("beyond_positions", n_beyond,
        of_samples(n_beyond) + " have more tokens than the " + std::to_string(most) +
            " positions that the model was made for (max_position_embeddings); --max_length " +
            std::to_string(most) + " stays within them");
  }

  void add_of_chunks() {
    if (header_.spec.protocol != ProtocolKind::kDecode) return;
    const auto chunk_size = header_.spec.chunk_size;
    const auto n = n_up_to(chunk_size);
    add("one_chunk", n,
        "chunk_size " + std::to_string(chunk_size) + " is as long as " + of_samples(n) +
            ": no eviction comes early enough to matter there; use a smaller --chunk_size");
  }

  void add_of_sinks_and_window(const MethodSpec& method, const std::string& name) {
    const auto n_sinks = sinks_of(method), protected_first = method.protection.first;
    const bool are_sinks = n_sinks >= protected_first;
    const auto n_protected = n_up_to(std::max(n_sinks, protected_first));
    add("all_sinks", n_protected,
        name +
            (are_sinks ? ": n_sink " + std::to_string(n_sinks)
                       : ": protect_first " + std::to_string(protected_first)) +
            " is as long as " + of_samples(n_protected) + ": no key of theirs may be evicted; " +
            (are_sinks ? "use fewer sinks" : "protect fewer"),
        name);
    const auto* policy = std::get_if<ScoreThreshold>(&method.policy);
    if (!policy) return;
    const bool is_window = policy->sliding_window_size >= method.protection.last;
    const std::string flag = is_window ? "sliding_window_size" : "protect_last";
    const auto n_unjudged = n_up_to(window_of(method));
    add("all_in_window", n_unjudged,
        name + ": " + flag + " " + std::to_string(window_of(method)) + " is as long as " +
            of_samples(n_unjudged) + ": no key of theirs is judged; use a smaller --" + flag,
        name);
  }

  struct Kept {
    std::int64_t n_samples = 0;
    std::int64_t of_all = 0, all = 0;
    std::int64_t of_compressible = 0, compressible = 0;
  };

  Kept kept_by(MethodIndex method) const {
    Kept kept;
    for (const auto& [unit, record] : units_) {
      if (unit.method != method || !record.summary) continue;
      ++kept.n_samples;
      kept.of_all += record.summary->keys.kept;
      kept.all += record.summary->keys.original;
      kept.of_compressible += record.summary->keys.compressible_kept;
      kept.compressible += record.summary->keys.compressible;
    }
    return kept;
  }

  void add_of_evictions(MethodIndex index, const MethodSpec& method, const std::string& name) {
    const auto kept = kept_by(index);
    if (const auto* ratio = std::get_if<RatioBudget>(&method.policy)) {
      if (ratio->compression_ratio > 0 && kept.of_all == kept.all)
        add("nothing_evicted", kept.n_samples,
            name +
                " evicted no key of any sample: its compression_ratio is less than one key of them, or "
                "all are sinks; use a larger --compression_ratio or longer samples",
            name);
    } else if (const auto* size = std::get_if<SizeBudget>(&method.policy)) {
      if (kept.of_all == kept.all)
        add("nothing_evicted", kept.n_samples,
            name + " evicted no key of any sample: none is longer than its cache_size " +
                std::to_string(size->cache_size) +
                ", or what is longer is protected; use a smaller --cache_size or longer samples",
            name);
    } else if (std::holds_alternative<ScoreThreshold>(method.policy) && kept.compressible > 0) {
      if (kept.of_compressible == kept.compressible)
        add("nothing_evicted", kept.n_samples,
            name +
                " evicted no key: every score reached the threshold, which may be on another scale than "
                "the scores of this method; use a higher --threshold",
            name);
      else if (kept.of_compressible * kNearlyNothing <= kept.compressible)
        add("nothing_kept", kept.n_samples,
            name +
                " kept less than 1 % of the keys outside sinks and window: nearly every score was below "
                "the threshold, which may be on another scale than the scores of this method; use a lower "
                "--threshold",
            name);
    }
  }

  const JournalHeader& header_;
  const UnitTable& units_;
  std::map<SampleIndex, std::int64_t> lengths_;
  std::vector<Warning> found_;
};

}  // namespace

std::vector<Warning> warnings_of_pairs(const Comparison& comparison) {
  if (pairs_can_differ(comparison)) return {};
  const auto n_samples = std::ssize(comparison.methods.at(0).per_sample);
  std::ostringstream smallest;
  smallest << std::setprecision(2) << smallest_p_value(n_samples);
  return {{.code = "many_pairs",
           .text = counted(n_samples, "sample") + " are too few for " +
                   counted(std::ssize(comparison.statistics.differences), "pair") +
                   " of instances: the smallest p-value that the test can give is " + smallest.str() +
                   ", and Holm's correction for so many lets no pair be called different; read the intervals "
                   "of the differences, take more samples (16 or more), or compare fewer instances (32 at "
                   "most)",
           .method = {},
           .n_samples = n_samples}};
}

std::vector<Warning> warnings_of(const JournalHeader& header, const UnitTable& units,
                                 const std::vector<Numerics>& numerics) {
  auto warnings = Warnings(header, units).all();
  if (numerics.size() > 1) warnings.push_back(mixed_hardware(numerics));
  return warnings;
}

}  // namespace kvcompare
