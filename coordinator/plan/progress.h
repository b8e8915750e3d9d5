// Shows on stderr how far the run is: as a bar on a terminal, and as a line now and then elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>

#include "coordinator/plan/run_estimate.h"

namespace kvcompare {

struct ProgressState {
  std::int64_t n_done = 0;  // units
  std::int64_t n_total = 0;
  Outlook outlook{};
  std::chrono::duration<double> elapsed{};
};

// "0:07", "12:34", "1:02:03"
std::string duration_text(std::chrono::duration<double> duration);

// "12/140 units, 9 %, elapsed 0:30, ETA 5:20". The percentage is that of the work, not of the units.
std::string progress_line(const ProgressState& state);

// The same behind a bar of `bar_width` characters: "[###-----] 12/140 ..."
std::string progress_bar(const ProgressState& state, std::size_t bar_width);

// The same for a terminal of `width` columns. If there is not enough room the bar is shortened, then left
// out, and then the text is shortened.
std::string fitted_progress(const ProgressState& state, std::size_t width);

std::optional<std::size_t> stderr_width();

// Writes to one stream, from one thread.
class Progress {
 public:
  enum class Style { kBar, kLines, kNothing };
  using Clock = std::function<std::chrono::steady_clock::time_point()>;
  using Width =
      std::function<std::optional<std::size_t>()>;  // the terminal's width, asked whenever a bar is drawn

  // Starts the clock. `stream` must outlive this object.
  Progress(std::ostream& stream, Style style, std::int64_t n_total,
           Clock clock = std::chrono::steady_clock::now, Width width = stderr_width);

  ~Progress() { finish(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Writes if the last text is old enough: 0.1 s for a bar, 10 s for lines. The first line comes after 2 s.
  void update(std::int64_t n_done, const Outlook& outlook);
  // The same for work that proceeds at an even pace, so that the seconds left follow from the share that is
  // done.
  void update(std::int64_t n_done, double share);
  void finish();  // writes the last state and ends the line; once

 private:
  void write(std::chrono::steady_clock::time_point now);
  void draw_bar();

  std::ostream& stream_;
  Style style_;
  ProgressState state_;
  Clock clock_;
  Width width_;
  std::chrono::steady_clock::time_point started_;
  std::chrono::steady_clock::time_point last_written_;
  bool has_written_ = false;
  std::size_t last_width_ = 0;
  bool finished_ = false;
};

// kBar if stderr is a terminal.
Progress::Style stderr_style();

}  // namespace kvcompare
