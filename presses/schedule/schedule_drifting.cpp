#include "presses/schedule/schedule_drifting.h"

#include <algorithm>
#include <vector>

#include "presses/schedule/alive_list.h"

namespace kvcompare {
namespace {

// A block ends with the first of these: more events share the work on a key's channels, but also on keys that
// are not yet born at most of them, or dead.
constexpr std::size_t kEventsInBlock = 64;
constexpr std::int64_t kTokensInBlock = 512;

class DriftingSchedule {
 public:
  DriftingSchedule(const EvictionPolicy& policy, std::int64_t n_sink, const Chunking& chunking,
                   DriftingScorer::Head& head, std::span<DeathTime> deaths)
      : policy_(policy), n_sink_(n_sink), chunking_(chunking), head_(head), deaths_(deaths) {}

  void run() {
    std::int64_t e = 0;
    while (e < chunking_.n_events()) {
      const auto block = next_block(e);
      if (block.empty()) return;
      run_block(block);
      e = block.back() + 1;
    }
  }

 private:
  // The next events, from `first` on, at which the policy may evict. Under a ratio the number of alive keys
  // is known ahead: the budget, after every event that evicts.
  std::vector<std::int64_t> next_block(std::int64_t first) const {
    std::vector<std::int64_t> block;
    auto n_alive = std::ssize(alive_);
    auto n_entered = n_entered_;
    for (auto e = first; e < chunking_.n_events() && block.size() < kEventsInBlock; ++e) {
      if (!block.empty() && n_entered - n_entered_ >= kTokensInBlock) break;
      const auto event = chunking_.event(e);
      n_alive += event.n - n_entered;
      n_entered = event.n;
      if (!may_evict(policy_, n_sink_, event, n_alive)) continue;
      block.push_back(e);
      if (const auto* ratio = std::get_if<RatioBudget>(&policy_))
        n_alive = ratio_budget(*ratio, event.n, n_sink_);
    }
    return block;
  }

  void run_block(const std::vector<std::int64_t>& block) {
    candidates_ = alive_;
    const auto n_old = std::ssize(candidates_);
    for (auto j = n_entered_; j < chunking_.n_at(block.back()); ++j)
      candidates_.push_back(static_cast<std::int32_t>(j));
    ns_.clear();
    for (const auto e : block) ns_.push_back(chunking_.n_at(e));
    head_.start_block(ns_, candidates_);

    std::vector<std::int32_t> alive;  // indices into candidates_
    for (std::int32_t c = 0; c < n_old; ++c) alive.push_back(c);
    auto next = static_cast<std::int32_t>(n_old);
    for (std::size_t i = 0; i < block.size(); ++i) {
      for (; next < std::ssize(candidates_) && candidates_[static_cast<std::size_t>(next)] < ns_[i]; ++next)
        alive.push_back(next);
      evict(i, block[i], alive);
    }
    alive_.clear();
    for (const auto c : alive) alive_.push_back(candidates_[static_cast<std::size_t>(c)]);
    n_entered_ = ns_.back();
  }

  void evict(std::size_t index, std::int64_t e, std::vector<std::int32_t>& alive) {
    scores_.resize(alive.size());
    head_.score(index, alive, scores_);
    positions_.clear();
    for (const auto c : alive) positions_.push_back(candidates_[static_cast<std::size_t>(c)]);
    const auto dying = evicted(policy_, n_sink_, chunking_.event(e), positions_, scores_);
    for (const auto a : dying)
      deaths_[static_cast<std::size_t>(positions_[static_cast<std::size_t>(a)])] = static_cast<DeathTime>(e);
    erase_indices(alive, dying);
  }

  const EvictionPolicy& policy_;
  const std::int64_t n_sink_;
  const Chunking& chunking_;
  DriftingScorer::Head& head_;
  const std::span<DeathTime> deaths_;
  std::vector<std::int32_t> alive_;  // positions, at the end of the block before
  std::int64_t n_entered_ = 0;       // tokens that had passed then
  std::vector<std::int32_t> candidates_;
  std::vector<std::int64_t> ns_;
  std::vector<std::int32_t> positions_;
  std::vector<double> scores_;
};

}  // namespace

void schedule_drifting(const EvictionPolicy& policy, std::int64_t n_sink, const Chunking& chunking,
                       DriftingScorer::Head& head, std::span<DeathTime> deaths) {
  std::ranges::fill(deaths, kNever);
  DriftingSchedule(policy, n_sink, chunking, head, deaths).run();
}

}  // namespace kvcompare
