#include "presses/schedule/schedule_fixed.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <variant>
#include <vector>

namespace kvcompare {
namespace {

struct Candidate {
  double score;
  std::int32_t position;
};

// Orders keys by when they are evicted: the later a key, the smaller. The top of a heap in this order is the
// key to evict next.
struct OutlivesIt {
  bool operator()(const Candidate& a, const Candidate& b) const {
    return a.score > b.score || (a.score == b.score && a.position < b.position);
  }
};

class BudgetSchedule {
 public:
  BudgetSchedule(const EvictionRule& rule, const Chunking& chunking, std::span<const double> scores,
                 std::span<DeathTime> deaths)
      : rule_(rule), chunking_(chunking), scores_(scores), deaths_(deaths), next_(rule.n_first) {
    heap_.reserve(scores.size());
  }

  void run() {
    for (std::int64_t e = 0; e < chunking_.n_events(); ++e) {
      const auto [begin, end] = chunking_.event(e);
      const auto n_kept = budget(rule_, end);
      for (auto j = begin; j < end; ++j) has_nan_ |= std::isnan(scores_[static_cast<std::size_t>(j)]);
      n_alive_ += end - begin;
      for (; next_ < end - rule_.n_last; ++next_) rank(next_);
      if (n_alive_ <= n_kept) continue;
      if (has_nan_) throw std::domain_error("a score is NaN");
      while (n_alive_ > n_kept) evict(static_cast<DeathTime>(e));
    }
  }

 private:
  // By its score from now on.
  void rank(std::int64_t j) {
    heap_.push_back({scores_[static_cast<std::size_t>(j)], static_cast<std::int32_t>(j)});
    std::push_heap(heap_.begin(), heap_.end(), OutlivesIt{});
  }

  // Where nothing is left that is ranked by its score, the earliest of the latest positions.
  void evict(DeathTime e) {
    --n_alive_;
    if (heap_.empty()) {
      deaths_[static_cast<std::size_t>(next_++)] = e;
      return;
    }
    std::pop_heap(heap_.begin(), heap_.end(), OutlivesIt{});
    deaths_[static_cast<std::size_t>(heap_.back().position)] = e;
    heap_.pop_back();
  }

  const EvictionRule& rule_;
  const Chunking& chunking_;
  const std::span<const double> scores_;
  const std::span<DeathTime> deaths_;
  std::vector<Candidate> heap_;  // of the alive keys from n_first on that are before next_
  std::int64_t next_;            // from here on keys are protected: they are among the latest
  std::int64_t n_alive_ = 0;
  bool has_nan_ = false;
};

void schedule_threshold(const EvictionRule& rule, const Chunking& chunking, std::span<const double> scores,
                        std::span<DeathTime> deaths) {
  const auto threshold = std::get<ScoreThreshold>(rule.policy).threshold;
  for (std::int64_t e = 0; e < chunking.n_events(); ++e) {
    const auto [begin, end] = judged(rule, chunking.event(e));
    for (auto j = begin; j < end; ++j) {
      const auto score = scores[static_cast<std::size_t>(j)];
      if (std::isnan(score)) throw std::domain_error("a score is NaN");
      if (score < threshold) deaths[static_cast<std::size_t>(j)] = static_cast<DeathTime>(e);
    }
  }
}

}  // namespace

void schedule_fixed(const EvictionRule& rule, const Chunking& chunking, std::span<const double> scores,
                    std::span<DeathTime> deaths) {
  std::ranges::fill(deaths, kNever);
  if (has_budget(rule.policy)) BudgetSchedule(rule, chunking, scores, deaths).run();
  if (std::holds_alternative<ScoreThreshold>(rule.policy)) schedule_threshold(rule, chunking, scores, deaths);
}

}  // namespace kvcompare
