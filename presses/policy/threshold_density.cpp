#include "presses/policy/threshold_density.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "common/errors.h"

namespace kvcompare {
namespace {

// More digits tell no doubles apart.
constexpr int kMostDigits = std::numeric_limits<double>::max_digits10;

double rounded(double value, int n_digits) {
  std::array<char, 32> text;  // longer than any of them
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value,
                                          std::chars_format::scientific, n_digits - 1);
  require(error == std::errc(), "a number has a text");
  double result = value;
  std::from_chars(text.data(), end, result);
  return result + 0.0;  // -0 becomes 0
}

}  // namespace

double shortest_decimal(double value, const std::function<bool(double)>& is_accepted) {
  for (int n_digits = 1; n_digits < kMostDigits; ++n_digits)
    if (const auto few = rounded(value, n_digits); is_accepted(few)) return few;
  return value;
}

void ThresholdDensity::add_head(const EvictionRule& rule, const Chunking& chunking,
                                std::span<const double> scores) {
  require(std::ssize(scores) == chunking.n_tokens, "each token has a score");
  require(!is_sorted_, "heads are added before densities are asked for");
  n_attendable_ += chunking.n_tokens * (chunking.n_tokens + 1) / 2;
  for (std::int64_t e = 0; e < chunking.n_events(); ++e) {
    const auto n_saved = chunking.n_tokens - chunking.sees_until(e);
    const auto [begin, end] = judged(rule, chunking.event(e));
    for (auto j = begin; j < end && n_saved > 0; ++j) {
      keys_.push_back({scores[static_cast<std::size_t>(j)], n_saved});
      n_savable_ += n_saved;
    }
  }
}

void ThresholdDensity::sort() {
  if (is_sorted_) return;
  is_sorted_ = true;
  std::ranges::sort(keys_, {}, &JudgedKey::score);
  std::int64_t sum = 0;
  for (auto& key : keys_) key.n_saved = sum += key.n_saved;
}

double ThresholdDensity::density_of(std::int64_t n_saved) const {
  return static_cast<double>(n_attendable_ - n_saved) / static_cast<double>(n_attendable_);
}

double ThresholdDensity::at(double threshold) {
  sort();
  const auto first_kept = std::ranges::lower_bound(keys_, threshold, {}, &JudgedKey::score);
  return density_of(first_kept == keys_.begin() ? 0 : std::prev(first_kept)->n_saved);
}

double ThresholdDensity::least() const { return density_of(n_savable_); }

// A score of a key that is the first to stay; beyond the highest if none is to stay.
double ThresholdDensity::nearest_score(double density) const {
  const auto is_above = [&](const JudgedKey& key) { return density_of(key.n_saved) > density; };
  // The last key that goes if the density is to be reached or crossed; with it go all of its score.
  const auto crossing = std::ranges::partition_point(keys_, is_above);
  if (crossing == keys_.end()) return std::nextafter(keys_.back().score, HUGE_VAL);
  const auto same = std::ranges::equal_range(keys_, crossing->score, {}, &JudgedKey::score);
  const auto without = density_of(same.begin() == keys_.begin() ? 0 : std::prev(same.begin())->n_saved);
  const auto with = density_of(std::prev(same.end())->n_saved);
  if (without - density <= density - with) return crossing->score;
  return same.end() == keys_.end() ? std::nextafter(crossing->score, HUGE_VAL) : same.end()->score;
}

double ThresholdDensity::nearest(double density) {
  sort();
  if (keys_.empty()) return 0;
  const auto exact = nearest_score(density);
  const auto allowed = std::abs(at(exact) - density) + kRounding;
  return shortest_decimal(exact, [&](double few) { return std::abs(at(few) - density) <= allowed; });
}

}  // namespace kvcompare
