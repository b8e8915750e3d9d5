#include "coordinator/reports/number_text.h"

#include <array>
#include <cmath>
#include <cstdio>

namespace kvcompare {
namespace {

constexpr double kHuge = 1e6;     // from here on written with powers of ten
constexpr double kSmall = 0.001;  // below this, four decimals would show little

std::string formatted(const char* format, double value) {
  const int length = std::snprintf(nullptr, 0, format, value);
  std::string text(static_cast<std::size_t>(length) + 1, '\0');
  std::snprintf(text.data(), text.size(), format, value);
  text.pop_back();
  return text;
}

}  // namespace

std::string perplexity_text(double perplexity) {
  return formatted(perplexity < kHuge ? "%.4f" : "%.4e", perplexity);
}

std::string nll_text(double nll) { return formatted("%.6f", nll); }

std::string delta_text(double delta) {
  if (std::abs(delta) >= kHuge) return formatted("%+.4e", delta);
  return formatted(delta != 0 && std::abs(delta) < kSmall ? "%+.1e" : "%+.4f", delta);
}

std::string kl_text(double kl) { return formatted(kl != 0 && std::abs(kl) < kSmall ? "%.1e" : "%.4f", kl); }

std::string interval_text(const Interval& interval) {
  return "[" + delta_text(interval.low) + ", " + delta_text(interval.high) + "]";
}

std::string percent_delta_text(double percent) {
  return formatted(std::abs(percent) < kHuge ? "%+.2f%%" : "%+.2e%%", percent);
}

std::string share_text(double fraction) { return formatted("%.2f%%", 100 * fraction); }

std::string bytes_text(std::int64_t bytes) {
  constexpr std::array kUnits{" B", " KiB", " MiB", " GiB", " TiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return formatted(unit == 0 ? "%.0f" : "%.1f", value) + kUnits[unit];
}

}  // namespace kvcompare
