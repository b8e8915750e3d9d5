#include "coordinator/plan/progress.h"

#include <algorithm>
#include <cstdio>
#include <ostream>
#include <utility>

#include <unistd.h>

#include "common/plural.h"
#include "common/terminal_width.h"

namespace kvcompare {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kBarWidth = 30;    // characters, if there is room
constexpr std::size_t kShortestBar = 8;  // a shorter one shows nothing
constexpr std::size_t kBrackets = 3;     // around the bar, with the space behind it
constexpr std::size_t kAnyWidth = 1000;
constexpr double kRounding = 1e-9;  // 0.29 x 100 is a little less than 29
constexpr auto kBarInterval = 100ms;
constexpr auto kLineInterval = 10s;
constexpr auto kFirstLine = 2s;

std::string two_digits(std::int64_t value) { return (value < 10 ? "0" : "") + std::to_string(value); }

// Empty, or text that continues after a comma.
std::string share_done_text(const ProgressState& state) {
  const auto percent = static_cast<int>(100 * state.outlook.share + kRounding);
  return state.n_total > 0 ? ", " + std::to_string(percent) + " %" : "";
}
std::string eta_text(const ProgressState& state) {
  const auto& left = state.outlook.seconds_left;
  return left ? ", ETA " + duration_text(std::chrono::duration<double>(*left)) : "";
}

}  // namespace

std::string duration_text(std::chrono::duration<double> duration) {
  const auto seconds = std::chrono::round<std::chrono::seconds>(std::max(duration, duration.zero())).count();
  const std::int64_t hours = seconds / 3600;
  const std::int64_t minutes = seconds / 60 % 60;
  return (hours > 0 ? std::to_string(hours) + ":" + two_digits(minutes) : std::to_string(minutes)) + ":" +
         two_digits(seconds % 60);
}

std::string progress_line(const ProgressState& state) {
  return std::to_string(state.n_done) + "/" + counted(state.n_total, "unit") + share_done_text(state) +
         ", elapsed " + duration_text(state.elapsed) + eta_text(state);
}

std::string progress_bar(const ProgressState& state, std::size_t bar_width) {
  const auto share = state.n_total > 0 ? state.outlook.share : 1;
  const auto n_full = static_cast<std::size_t>(static_cast<double>(bar_width) * share + kRounding);
  return "[" + std::string(n_full, '#') + std::string(bar_width - n_full, '-') + "] " + progress_line(state);
}

std::string fitted_progress(const ProgressState& state, std::size_t width) {
  const std::string line = progress_line(state);
  if (line.size() + kBrackets + kShortestBar <= width)
    return progress_bar(state, std::min(kBarWidth, width - line.size() - kBrackets));
  const std::string counts = std::to_string(state.n_done) + "/" + std::to_string(state.n_total);
  for (const std::string& shorter : {line, counts + share_done_text(state) + eta_text(state), counts})
    if (shorter.size() <= width) return shorter;
  return "";
}

Progress::Progress(std::ostream& stream, Style style, std::int64_t n_total, Clock clock, Width width)
    : stream_(stream),
      style_(style),
      clock_(std::move(clock)),
      width_(std::move(width)),
      started_(clock_()),
      last_written_(started_) {
  state_.n_total = n_total;
}

void Progress::update(std::int64_t n_done, const Outlook& outlook) {
  state_.n_done = n_done;
  state_.outlook = outlook;
  const auto now = clock_();
  std::chrono::steady_clock::duration interval = has_written_ ? kLineInterval : kFirstLine;
  if (style_ == Style::kBar) interval = kBarInterval;
  if (now - last_written_ >= interval) write(now);
}

void Progress::update(std::int64_t n_done, double share) {
  Outlook outlook{.share = share, .seconds_left = std::nullopt};
  const std::chrono::duration<double> elapsed = clock_() - started_;
  if (share > 0 && share < 1) outlook.seconds_left = elapsed.count() * (1 - share) / share;
  update(n_done, outlook);
}

void Progress::finish() {
  if (std::exchange(finished_, true)) return;
  write(clock_());
  if (style_ == Style::kBar) stream_ << '\n' << std::flush;
}

void Progress::write(std::chrono::steady_clock::time_point now) {
  last_written_ = now;
  has_written_ = true;
  state_.elapsed = now - started_;
  if (style_ == Style::kLines) stream_ << progress_line(state_) << '\n' << std::flush;
  if (style_ == Style::kBar) draw_bar();
}

// A terminal begins a new line when its last column is written to, so the bar leaves this column free.
void Progress::draw_bar() {
  const auto width = width_();
  const std::size_t room = width ? *width - std::min<std::size_t>(*width, 1) : kAnyWidth;
  const std::string bar = fitted_progress(state_, room);
  const std::size_t covered = std::min(last_width_, room);
  const std::string padding(covered > bar.size() ? covered - bar.size() : 0, ' ');
  last_width_ = bar.size();
  stream_ << '\r' << bar << padding << std::flush;
}

std::optional<std::size_t> stderr_width() { return terminal_width(STDERR_FILENO); }

Progress::Style stderr_style() {
  return ::isatty(STDERR_FILENO) != 0 ? Progress::Style::kBar : Progress::Style::kLines;
}

}  // namespace kvcompare
