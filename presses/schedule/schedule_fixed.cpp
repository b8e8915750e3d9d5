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

class RatioSchedule {
 public:
  RatioSchedule(const RatioBudget& policy, std::int64_t n_sink, const Chunking& chunking,
                std::span<const double> scores, std::span<DeathTime> deaths)
      : policy_(policy), n_sink_(n_sink), chunking_(chunking), scores_(scores), deaths_(deaths) {
    heap_.reserve(scores.size());
  }

  void run() {
    for (std::int64_t e = 0; e < chunking_.n_events(); ++e) {
      const auto [begin, end] = chunking_.event(e);
      const auto budget = ratio_budget(policy_, end, n_sink_);
      for (auto j = begin; j < end; ++j) enter(j);
      if (n_alive_ <= budget) continue;
      if (has_nan_) throw std::domain_error("a score is NaN");
      while (n_alive_ > budget) evict(static_cast<DeathTime>(e));
    }
  }

 private:
  // A sink is alive, but it is never a candidate.
  void enter(std::int64_t j) {
    const auto score = scores_[static_cast<std::size_t>(j)];
    has_nan_ |= std::isnan(score);
    ++n_alive_;
    if (j < n_sink_) return;
    heap_.push_back({score, static_cast<std::int32_t>(j)});
    std::push_heap(heap_.begin(), heap_.end(), OutlivesIt{});
  }

  void evict(DeathTime e) {
    std::pop_heap(heap_.begin(), heap_.end(), OutlivesIt{});
    deaths_[static_cast<std::size_t>(heap_.back().position)] = e;
    heap_.pop_back();
    --n_alive_;
  }

  const RatioBudget& policy_;
  const std::int64_t n_sink_;
  const Chunking& chunking_;
  const std::span<const double> scores_;
  const std::span<DeathTime> deaths_;
  std::vector<Candidate> heap_;
  std::int64_t n_alive_ = 0;
  bool has_nan_ = false;
};

void schedule_threshold(const ScoreThreshold& policy, std::int64_t n_sink, const Chunking& chunking,
                        std::span<const double> scores, std::span<DeathTime> deaths) {
  for (std::int64_t e = 0; e < chunking.n_events(); ++e) {
    const auto [begin, end] = judged(policy, n_sink, chunking.event(e));
    for (auto j = begin; j < end; ++j) {
      const auto score = scores[static_cast<std::size_t>(j)];
      if (std::isnan(score)) throw std::domain_error("a score is NaN");
      if (score < policy.threshold) deaths[static_cast<std::size_t>(j)] = static_cast<DeathTime>(e);
    }
  }
}

}  // namespace

void schedule_fixed(const EvictionPolicy& policy, std::int64_t n_sink, const Chunking& chunking,
                    std::span<const double> scores, std::span<DeathTime> deaths) {
  std::ranges::fill(deaths, kNever);
  if (const auto* ratio = std::get_if<RatioBudget>(&policy))
    RatioSchedule(*ratio, n_sink, chunking, scores, deaths).run();
  if (const auto* threshold = std::get_if<ScoreThreshold>(&policy))
    schedule_threshold(*threshold, n_sink, chunking, scores, deaths);
}

}  // namespace kvcompare
