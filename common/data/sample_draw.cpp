#include "common/data/sample_draw.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/files/sha256.h"

namespace kvcompare {

std::string SampleDraw::key(std::int64_t record, std::int64_t window) const {
  return sha256(std::to_string(seed_) + ":" + std::to_string(record) +
                (window > 0 ? ":" + std::to_string(window) : ""));
}

bool SampleDraw::fits(const std::string& key) const {
  return std::ssize(drawn_) < n_wanted_ || key < std::prev(drawn_.end())->first;
}

void SampleDraw::offer(std::int64_t record, std::int64_t window, Drawn drawn) {
  auto place = key(record, window);
  if (!fits(place)) return;
  drawn_.emplace(std::move(place), std::move(drawn));
  if (std::ssize(drawn_) > n_wanted_) drawn_.erase(std::prev(drawn_.end()));
}

void SampleDraw::leave_out_short(std::int64_t record, std::int64_t window) {
  if (auto place = key(record, window); fits(place)) short_.push_back(std::move(place));
}

SampleDraw::Result SampleDraw::result() && {
  Result result;
  result.n_short = std::ranges::count_if(short_, [&](const std::string& place) { return fits(place); });
  for (auto& [place, drawn] : drawn_) result.drawn.push_back(std::move(drawn));
  return result;
}

}  // namespace kvcompare
