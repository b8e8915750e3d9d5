#include "common/run/unit_result.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

namespace kvcompare {
namespace {

// Below these no product of counts overflows.
constexpr std::int64_t kMostTokens = std::int64_t{1} << 24;
constexpr std::int64_t kMostHeads = std::int64_t{1} << 15;  // layers x KV heads

constexpr double kRounding = 1e-9;  // of a sum in another order

struct Law {
  bool holds;
  const char* text;
};

template <std::size_t n>
std::optional<std::string> first_broken(const std::array<Law, n>& laws) {
  const auto broken = std::ranges::find(laws, false, &Law::holds);
  if (broken == laws.end()) return std::nullopt;
  return broken->text;
}

// Wraps round where counts cannot be right, as in a journal that was tampered with.
std::int64_t wrapping_sum(const std::vector<std::int64_t>& counts) {
  std::uint64_t sum = 0;
  for (const auto count : counts) sum += static_cast<std::uint64_t>(count);
  return static_cast<std::int64_t>(sum);
}

bool are_scored_tokens(ScoredTokens scored, std::int64_t n_tokens) {
  std::int64_t least = 1;
  for (const auto& [begin, end] : scored) {
    if (begin < least || begin >= end || end > n_tokens) return false;
    least = end;
  }
  return true;
}

std::optional<std::string> broken_size(const UnitResult& result) {
  const auto& kept = result.kept;
  const auto is_count = [](std::int64_t n, std::int64_t most) { return n >= 1 && n <= most; };
  const bool has_heads = is_count(kept.n_layers, kMostHeads) && is_count(kept.n_kv_heads, kMostHeads);
  const auto n_heads = has_heads ? kept.n_layers * kept.n_kv_heads : 0;
  const auto n_tokens = result.numbers.n_tokens;
  return first_broken(
      std::array{Law{n_tokens >= 2 && n_tokens <= kMostTokens, "2 <= tokens <= 2^24"},
                 Law{are_scored_tokens(result.scored, n_tokens), "scored ranges lie apart, from token 1 on"},
                 Law{result.numbers.n_scored() == n_scored_of({0, n_tokens}, result.scored, n_tokens),
                     "tokens - 1 - unscored = sum of the scored ranges"},
                 Law{result.numbers.scored_bytes >= 0 && result.numbers.scored_words >= 0 &&
                         result.numbers.scored_words <= result.numbers.scored_bytes,
                     "0 <= scored words <= scored bytes"},
                 Law{is_count(n_heads, kMostHeads), "1 <= layers x KV heads <= 2^15"},
                 Law{std::ssize(kept.per_head) == n_heads, "one count for each layer and KV head"},
                 Law{std::ranges::all_of(kept.per_head, [&](auto n) { return n >= 0 && n <= n_tokens; }),
                     "0 <= kept <= tokens in every head"}});
}

std::optional<std::string> broken_count(const UnitResult& result) {
  const auto n_tokens = result.numbers.n_tokens;
  const auto& keys = result.numbers.keys;
  const auto& bins = result.kept.by_position;
  const auto n_heads = result.kept.n_layers * result.kept.n_kv_heads;
  const auto is_share = [](std::int64_t part, std::int64_t whole) { return part >= 0 && part <= whole; };
  const bool bins_are_shares = std::ranges::all_of(bins, [&](auto n) { return is_share(n, keys.kept); });
  return first_broken(std::array{
      Law{keys.kept == result.kept.n(), "kept = sum over layers and KV heads"},
      Law{keys.original == n_tokens * n_heads, "original = tokens x layers x KV heads"},
      Law{bins_are_shares && std::accumulate(bins.begin(), bins.end(), std::int64_t{0}) == keys.kept,
          "every kept key is at one position"},
      Law{keys.attendable == n_tokens * (n_tokens + 1) / 2 * n_heads, "attendable = sum of (i + 1)"},
      Law{keys.attended > 0 && keys.attended <= keys.attendable, "0 < attended <= attendable"},
      Law{is_share(keys.withheld_from_scored, keys.attendable - keys.attended),
          "withheld from scored queries <= attendable - attended"},
      Law{is_share(keys.compressible, keys.original), "compressible <= original"},
      Law{is_share(keys.compressible_kept, std::min(keys.compressible, keys.kept)),
          "compressible kept <= compressible, kept"},
      Law{keys.peak >= keys.kept && keys.peak <= keys.original, "kept <= peak <= original"}});
}

// By more than rounding. An NLL that is not finite is told elsewhere.
bool differs_from_sum(double total, const std::vector<double>& parts) {
  double sum = 0, size = 1;
  for (const auto part : parts) {
    sum += part;
    size += std::abs(part);
  }
  return std::abs(sum - total) > kRounding * size;
}

// Where every token is scored, the last query alone is not: what is withheld from it is evicted.
std::optional<std::string> broken_sum(const UnitResult& result) {
  const auto& keys = result.numbers.keys;
  const auto from_last = keys.attendable - keys.attended - keys.withheld_from_scored;
  if (result.scored.empty() && from_last > keys.original - keys.kept)
    return "withheld from the last query <= original - kept";
  const auto& nll = result.token_nll;
  if (nll.empty()) return std::nullopt;
  if (std::ssize(nll) != result.numbers.n_tokens - 1) return "one NLL for each token but the first";
  std::vector<double> counted;
  for_each_scored(result.scored, result.numbers.n_tokens,
                  [&](std::int64_t token) { counted.push_back(nll[static_cast<std::size_t>(token - 1)]); });
  if (differs_from_sum(result.numbers.total_nll, counted)) return "total NLL = sum over the scored tokens";
  return std::nullopt;
}

bool is_of_scored_tokens(const NllByPosition& bins, ScoredTokens scored, std::int64_t n_tokens) {
  if (bins.bin_width < 1 || bins.total_nll.size() != bins.n_scored.size()) return false;
  if (std::ssize(bins.n_scored) != (n_tokens - 1) / bins.bin_width + 1) return false;
  for (std::size_t b = 0; b < bins.n_scored.size(); ++b) {
    const auto first = static_cast<std::int64_t>(b) * bins.bin_width;
    if (bins.n_scored[b] != n_scored_of({first, first + bins.bin_width}, scored, n_tokens)) return false;
  }
  return true;
}

std::optional<std::string> broken_bin(const UnitResult& result) {
  const auto& bins = result.nll_by_position;
  if (bins == NllByPosition{}) return std::nullopt;
  if (!is_of_scored_tokens(bins, result.scored, result.numbers.n_tokens))
    return "every scored token is in one bin of positions";
  if (differs_from_sum(result.numbers.total_nll, bins.total_nll))
    return "total NLL = sum over the bins of positions";
  return std::nullopt;
}

// Written so that a number that is not finite breaks none: it is told elsewhere.
bool is_within(double x, double least, double most) { return !(x < least || x > most); }

std::optional<std::string> broken_answer(const UnitResult& result) {
  const auto& answers = result.numbers.answers;
  if (!answers) return std::nullopt;
  const auto is_part = [](std::int64_t part, std::int64_t whole) { return part >= 0 && part <= whole; };
  const auto n_scored = result.numbers.n_scored();
  return first_broken(std::array{Law{is_part(answers->greedy_hits, n_scored), "greedy hits <= scored tokens"},
                                 Law{is_part(answers->spans, n_scored), "spans <= scored tokens"},
                                 Law{is_part(answers->spans_exact, answers->spans), "exact spans <= spans"}});
}

std::optional<std::string> broken_evidence(const UnitResult& result) {
  const auto& evidence = result.numbers.evidence;
  if (!evidence) return std::nullopt;
  const auto answers = result.numbers.answers.value_or(AnswerCounts{});
  const auto is_part = [](std::int64_t part, std::int64_t whole) { return part >= 0 && part <= whole; };
  const auto n_missed = evidence->spans - evidence->spans_exact;
  const auto n_keys_missed = evidence->keys - evidence->keys_exact;
  return first_broken(std::array{
      Law{evidence->spans >= 1 && evidence->spans <= answers.spans, "1 <= spans with evidence <= spans"},
      Law{is_part(evidence->spans_exact, std::min(evidence->spans, answers.spans_exact)),
          "exact spans with evidence <= exact spans, spans with evidence"},
      Law{evidence->keys >= 1 && evidence->keys / result.numbers.keys.original <= evidence->spans,
          "1 <= keys of evidence <= spans x keys"},
      Law{is_part(evidence->keys_kept, evidence->keys), "kept keys of evidence <= its keys"},
      Law{is_part(evidence->keys_exact, evidence->keys) &&
              (evidence->keys_exact > 0) == (evidence->spans_exact > 0) &&
              (n_keys_missed > 0) == (n_missed > 0),
          "spans with evidence have keys of evidence"},
      Law{is_part(evidence->keys_kept_exact, std::min(evidence->keys_exact, evidence->keys_kept)) &&
              evidence->keys_kept - evidence->keys_kept_exact <= n_keys_missed,
          "kept keys of evidence of exact and of missed spans <= its keys"},
      Law{is_part(evidence->spans_missed_evicted, n_missed),
          "missed spans with evicted evidence <= missed spans"}});
}

std::optional<std::string> broken_span_evidence(const UnitResult& result) {
  const auto& spans = result.span_evidence;
  if (spans == SpanEvidence{}) return std::nullopt;
  const auto evidence = result.numbers.evidence.value_or(EvidenceCounts{});
  const bool is_of_all =
      spans.keys.size() == result.scored.size() && spans.keys_kept.size() == spans.keys.size();
  return first_broken(std::array{
      Law{is_of_all && std::ranges::equal(spans.keys_kept, spans.keys,
                                          [](auto kept, auto keys) { return kept >= 0 && kept <= keys; }),
          "kept keys of evidence <= its keys in every span"},
      Law{wrapping_sum(spans.keys) == evidence.keys && wrapping_sum(spans.keys_kept) == evidence.keys_kept,
          "keys of evidence = sum over the spans"}});
}

std::optional<std::string> broken_divergence(const UnitResult& result) {
  const auto& divergence = result.numbers.divergence;
  if (!divergence) return std::nullopt;
  const auto n_scored = result.numbers.n_scored();
  const auto n = static_cast<double>(n_scored) * (1 + kRounding);
  const auto is_part = [](std::int64_t part, std::int64_t whole) { return part >= 0 && part <= whole; };
  return first_broken(std::array{
      Law{result.numbers.answers.has_value(), "greedy hits are counted wherever distributions are compared"},
      Law{is_within(divergence->sum_acceptance, -kRounding * n, n), "0 <= acceptance <= 1"},
      Law{is_within(divergence->sum_delta_p, -n, n), "-1 <= p - p0 <= 1"},
      Law{is_within(divergence->sum_delta_p_squared, 0, n), "(p - p0) squared <= 1"},
      Law{is_part(divergence->n_same_top1, n_scored), "tokens with the same first choice <= scored tokens"},
      Law{is_part(divergence->n_delta_nll_above_1, n_scored) &&
              is_part(divergence->n_delta_nll_above_3, divergence->n_delta_nll_above_1),
          "tokens that lose 3 nats <= those that lose 1 <= scored tokens"}});
}

bool is_sketch(const QuantileSketch& sketch, std::int64_t n) {
  if (sketch.buckets.size() != sketch.counts.size()) return false;
  if (std::ranges::any_of(sketch.counts, [&](auto count) { return count < 1 || count > n; })) return false;
  if (sketch.n() != n) return false;
  if (std::ranges::adjacent_find(sketch.buckets, std::greater_equal()) != sketch.buckets.end()) return false;
  if (n == 0) return sketch == QuantileSketch{};
  return std::isfinite(sketch.least) && std::isfinite(sketch.largest) && sketch.least <= sketch.largest &&
         bucket_of(sketch.least) == sketch.buckets.front() &&
         bucket_of(sketch.largest) == sketch.buckets.back();
}

std::optional<std::string> broken_sketch(const UnitResult& result) {
  const auto n = result.numbers.divergence ? result.numbers.n_scored() : 0;
  if (is_sketch(result.sketches.kl, n) && is_sketch(result.sketches.delta_p, n)) return std::nullopt;
  return "every scored token is in one bucket of a sketch";
}

std::optional<std::string> broken_token_quality(const UnitResult& result) {
  const auto& tokens = result.token_quality;
  const auto n = static_cast<std::size_t>(result.numbers.n_tokens - 1);
  const auto is_of_all = [&](const auto& values) { return values.empty() || values.size() == n; };
  const auto is_flag = [](auto flag) { return flag <= 1; };
  const bool has_divergence = result.numbers.divergence && !tokens.greedy_hit.empty();
  return first_broken(std::array{
      Law{is_of_all(tokens.greedy_hit) && is_of_all(tokens.kl), "one number for each token but the first"},
      Law{tokens.kl.empty() != has_divergence && tokens.delta_p.size() == tokens.kl.size() &&
              tokens.same_top1.size() == tokens.kl.size(),
          "numbers of tokens are there together"},
      Law{std::ranges::all_of(tokens.greedy_hit, is_flag) && std::ranges::all_of(tokens.same_top1, is_flag),
          "a token is a hit or not"}});
}

}  // namespace

std::int64_t KeptKeys::n() const { return wrapping_sum(per_head); }

std::optional<std::string> broken_law(const UnitResult& result) {
  for (const auto find : {broken_size, broken_count, broken_sum, broken_bin, broken_answer, broken_evidence,
                          broken_span_evidence, broken_divergence, broken_sketch, broken_token_quality})
    if (auto law = find(result)) return "key counts do not add up: " + *law;
  return std::nullopt;
}

}  // namespace kvcompare
