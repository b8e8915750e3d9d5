#include "coordinator/reports/plain_words.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <tuple>
#include <vector>

#include "common/plural.h"
#include "coordinator/statistics/attainable.h"

namespace kvcompare {
namespace {

constexpr int kMostDecimals = 9;
constexpr std::size_t kMostNamed = 2;        // instances that are not distinguishable; the others are counted
constexpr double kLopsided = 1.5;            // beyond this ratio of its sides an interval is told by its ends
constexpr double kNearlyAllPercent = 99.5;   // would be rounded to 100 %
constexpr double kNearlyNonePercent = 9.95;  // below this a decimal counts

std::string fixed(double value, int decimals) {
  const int length = std::snprintf(nullptr, 0, "%.*f", decimals, value);
  std::string text(static_cast<std::size_t>(length) + 1, '\0');
  std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
  text.pop_back();
  return text;
}

// Decimals that show one digit of an uncertainty, two if the first is 1.
int decimals_of(double uncertainty) {
  if (!(uncertainty > 0)) return 3;
  const int exponent = static_cast<int>(std::floor(std::log10(uncertainty)));
  const int first_digit = static_cast<int>(uncertainty / std::pow(10.0, exponent));
  return std::clamp(-exponent + (first_digit == 1 ? 1 : 0), 0, kMostDecimals);
}

std::string share_percent(std::int64_t part, std::int64_t whole) {
  const double percent = 100 * static_cast<double>(part) / static_cast<double>(whole);
  const bool needs_decimal = (percent >= kNearlyAllPercent && percent < 100) || percent < kNearlyNonePercent;
  return fixed(percent, needs_decimal ? 1 : 0) + " %";
}

// "0.021 ± 0.010", or "0.02, between 0.01 and 0.09" where the interval is lopsided. Signs are turned for what
// is saved.
std::string with_interval(double delta, const Interval& interval) {
  const double below = delta - interval.low, above = interval.high - delta;
  const double half = (interval.high - interval.low) / 2;
  const int decimals = decimals_of(half);
  if (std::max(below, above) <= kLopsided * std::min(below, above))
    return fixed(std::abs(delta), decimals) + " ± " + fixed(half, decimals) + " nats a token";
  double low = interval.low, high = interval.high;
  if (delta < 0) std::tie(low, high) = std::tuple(-high, -low);
  return fixed(std::abs(delta), decimals) + " nats a token, between " + fixed(low, decimals) + " and " +
         fixed(high, decimals);
}

std::string cost(const AgainstBaseline& against) {
  if (!against.avg_nll_delta) return "";
  const double delta = *against.avg_nll_delta;
  if (delta == 0 && against.avg_nll_delta_ci95 == Interval{}) return "costs nothing";
  const std::string verb = delta < 0 ? "saves " : "costs ";
  if (against.avg_nll_delta_ci95) return verb + with_interval(delta, *against.avg_nll_delta_ci95);
  return verb + fixed(std::abs(delta), decimals_of(std::abs(delta) / 10)) + " nats a token" +
         (against.reason.empty() ? "" : " (no interval: " + against.reason + ")");
}

double kept_fraction(const MethodResult& method) {
  if (!method.totals) return 0;
  return method.totals->kept_fraction();
}

// Places of the instances of which nothing says that they cost more or less than `method`. Those of other
// methods first, then those that keep about as many keys.
//
// Where no pair can be called different, what the interval tells apart is not among them.
std::vector<std::size_t> like(const Comparison& comparison, std::size_t method) {
  const bool can_differ = pairs_can_differ(comparison);
  std::vector<std::size_t> found;
  for (const Difference& difference : comparison.statistics.differences) {
    const auto a = static_cast<std::size_t>(difference.a.value),
               b = static_cast<std::size_t>(difference.b.value);
    if ((a == method || b == method) && difference.ci95 && !difference.is_different() &&
        (can_differ || !difference.ci95->leaves_out_zero()))
      found.push_back(a == method ? b : a);
  }
  const MethodResult& own = comparison.methods.at(method);
  std::ranges::stable_sort(found, {}, [&](std::size_t other) {
    const MethodResult& one = comparison.methods.at(other);
    return std::pair(one.spec.name == own.spec.name, std::abs(kept_fraction(one) - kept_fraction(own)));
  });
  return found;
}

std::string not_distinguishable(const Comparison& comparison, std::size_t method,
                                const AgainstBaseline& against) {
  std::vector<std::string> names;
  if (against.avg_nll_delta_ci95 && !against.is_different()) names.emplace_back("the baseline");
  const auto others = like(comparison, method);
  for (const std::size_t other : others)
    if (names.size() < kMostNamed) names.push_back(comparison.methods.at(other).label);
  if (names.empty()) return "";
  std::string text = "; not distinguishable from " + names.front();
  const auto n_baseline = static_cast<std::size_t>(names.front() == "the baseline");
  const std::size_t n_more = others.size() - (names.size() - n_baseline);
  for (std::size_t i = 1; i < names.size(); ++i)
    text += (i + 1 == names.size() && n_more == 0 ? " and " : ", ") + names[i];
  return n_more == 0 ? text : text + " and " + counted(static_cast<std::int64_t>(n_more), "other");
}

// " and 31 % of the evidence"; empty where the data states none.
std::string evidence(const MethodResult& method) {
  if (!method.totals || !method.totals->sums.evidence) return "";
  const auto& counts = *method.totals->sums.evidence;
  return " and " + share_percent(counts.keys_kept, counts.keys) + " of the evidence";
}

// ", writes 37 of 40 answers"; empty where the data asks for none.
std::string answers(const MethodResult& method) {
  if (!method.totals || !method.totals->sums.answers || method.totals->sums.answers->spans == 0) return "";
  const auto& counts = *method.totals->sums.answers;
  return ", writes " + std::to_string(counts.spans_exact) + " of " + counted(counts.spans, "answer");
}

}  // namespace

std::string plain_words(const Comparison& comparison, std::size_t method) {
  const MethodResult& result = comparison.methods.at(method);
  if (!result.failed.empty())
    return "no totals, because " + counted(std::ssize(result.failed), "sample") +
           " failed: a part of the samples compares with nothing";
  if (method == 0) return "keeps every key" + answers(result) + ": the others are measured against it";
  if (!result.totals) return "no totals";
  const auto& all = comparison.statistics.against_baseline;
  const AgainstBaseline against = method < all.size() ? all[method] : AgainstBaseline{};
  const auto& keys = result.totals->sums.keys;
  const std::string keeps = "keeps " + share_percent(keys.kept, keys.original) + " of the keys" +
                            evidence(result) + answers(result);
  const std::string costs = cost(against);
  if (costs.empty())
    return keeps + "; what it costs is not known" + (against.reason.empty() ? "" : ": " + against.reason);
  return keeps + ", " + costs + not_distinguishable(comparison, method, against);
}

}  // namespace kvcompare
