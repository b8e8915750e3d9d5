#include "coordinator/progress.h"

#include <algorithm>
#include <cstdio>
#include <ostream>
#include <utility>

#include <unistd.h>

namespace kvcompare {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kBarWidth = 30;
constexpr auto kBarInterval = 100ms;
constexpr auto kLineInterval = 10s;

std::string two_digits(std::int64_t value) { return (value < 10 ? "0" : "") + std::to_string(value); }

}  // namespace

std::string duration_text(std::chrono::duration<double> duration) {
  const auto seconds = std::chrono::round<std::chrono::seconds>(std::max(duration, duration.zero())).count();
  const std::int64_t hours = seconds / 3600;
  const std::int64_t minutes = seconds / 60 % 60;
  return (hours > 0 ? std::to_string(hours) + ":" + two_digits(minutes) : std::to_string(minutes)) + ":" +
         two_digits(seconds % 60);
}

std::string progress_line(const ProgressState& state) {
  std::string line = std::to_string(state.n_done) + "/" + std::to_string(state.n_total) + " units";
  if (state.n_total > 0) line += ", " + std::to_string(100 * state.n_done / state.n_total) + " %";
  line += ", elapsed " + duration_text(state.elapsed);
  if (state.n_done > 0 && state.n_done < state.n_total)
    line += ", ETA " + duration_text(state.elapsed * static_cast<double>(state.n_total - state.n_done) /
                                     static_cast<double>(state.n_done));
  return line;
}

std::string progress_bar(const ProgressState& state, std::size_t bar_width) {
  const std::size_t n_full = state.n_total > 0 ? static_cast<std::size_t>(static_cast<double>(bar_width) *
                                                                          static_cast<double>(state.n_done) /
                                                                          static_cast<double>(state.n_total))
                                               : bar_width;
  return "[" + std::string(n_full, '#') + std::string(bar_width - n_full, '-') + "] " + progress_line(state);
}

Progress::Progress(std::ostream& stream, Style style, std::int64_t n_total, Clock clock)
    : stream_(stream), style_(style), clock_(std::move(clock)), started_(clock_()), last_written_(started_) {
  state_.n_total = n_total;
}

void Progress::update(std::int64_t n_done) {
  state_.n_done = n_done;
  const auto now = clock_();
  const std::chrono::steady_clock::duration interval =
      style_ == Style::kBar ? std::chrono::steady_clock::duration(kBarInterval) : kLineInterval;
  if (now - last_written_ >= interval) write(now);
}

void Progress::finish() {
  if (std::exchange(finished_, true)) return;
  write(clock_());
  if (style_ == Style::kBar) stream_ << '\n' << std::flush;
}

void Progress::write(std::chrono::steady_clock::time_point now) {
  last_written_ = now;
  state_.elapsed = now - started_;
  if (style_ == Style::kLines) {
    stream_ << progress_line(state_) << '\n' << std::flush;
    return;
  }
  const std::string bar = progress_bar(state_, kBarWidth);
  const std::string padding(last_width_ > bar.size() ? last_width_ - bar.size() : 0, ' ');
  last_width_ = bar.size();
  stream_ << '\r' << bar << padding << std::flush;
}

Progress::Style stderr_style() {
  return ::isatty(STDERR_FILENO) != 0 ? Progress::Style::kBar : Progress::Style::kLines;
}

}  // namespace kvcompare
