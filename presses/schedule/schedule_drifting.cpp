#include "presses/schedule/schedule_drifting.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "presses/policy/eviction.h"
#include "presses/schedule/alive_list.h"
#include "presses/schedule/drifting_plan.h"

namespace kvcompare {
namespace {

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

// Follows the alive keys of one KV head, block by block.
class HeadEvictions {
 public:
  HeadEvictions(const EvictionPolicy& policy, std::int64_t n_sink, const Chunking& chunking,
                const DriftingPlan& plan, std::span<DeathTime> deaths)
      : policy_(policy), n_sink_(n_sink), chunking_(chunking), plan_(plan), deaths_(deaths) {
    std::ranges::fill(deaths, kNever);
  }

  // Returns the positions of the keys that may be alive at some event of the block, ascending.
  std::span<const std::int32_t> enter(const DriftingBlock& block) {
    n_old_ = std::ssize(candidates_);
    for (auto j = block.n_before; j < block.n_after; ++j) candidates_.push_back(static_cast<std::int32_t>(j));
    return candidates_;
  }

  // Makes the evictions of all events of the current block.
  void evict(const DriftingBlock& block, DriftingScorer::Head& head) {
    std::vector<std::int32_t> alive;  // indices into candidates_
    for (std::int32_t c = 0; c < n_old_; ++c) alive.push_back(c);
    auto next = static_cast<std::int32_t>(n_old_);
    for (std::int64_t i = 0; i < block.n_events; ++i) {
      const auto n = plan_.n[size(block.first_event + i)];
      for (; next < std::ssize(candidates_) && candidates_[size(next)] < n; ++next) alive.push_back(next);
      evict_at(block.first_event + i, size(i), head, alive);
    }
    std::vector<std::int32_t> positions;
    for (const auto c : alive) positions.push_back(candidates_[size(c)]);
    candidates_ = std::move(positions);
  }

 private:
  void evict_at(std::int64_t event, std::size_t index, DriftingScorer::Head& head,
                std::vector<std::int32_t>& alive) {
    scores_.resize(alive.size());
    head.score(index, alive, scores_);
    positions_.resize(alive.size());
    for (std::size_t i = 0; i < alive.size(); ++i) positions_[i] = candidates_[size(alive[i])];
    const auto e = plan_.events[size(event)];
    const auto dying = evicted(policy_, n_sink_, chunking_.event(e), positions_, scores_);
    for (const auto a : dying) deaths_[size(positions_[size(a)])] = e;
    erase_indices(alive, dying);
  }

  const EvictionPolicy& policy_;
  const std::int64_t n_sink_;
  const Chunking& chunking_;
  const DriftingPlan& plan_;
  const std::span<DeathTime> deaths_;
  std::vector<std::int32_t> candidates_;  // of the block; between blocks the alive
  std::int64_t n_old_ = 0;                // of them those from before the block
  std::vector<std::int32_t> positions_;   // of the alive at an event
  std::vector<double> scores_;
};

class DriftingRounds : public Rounds {
 public:
  DriftingRounds(const EvictionPolicy& policy, std::int64_t n_sink, const Chunking& chunking,
                 std::vector<DriftingHead> heads)
      : policy_(policy), chunking_(chunking), plan_(drifting_plan(policy_, n_sink, chunking_)) {
    heads_.reserve(heads.size());
    for (auto& head : heads)
      heads_.push_back(
          {std::move(head.start), nullptr, HeadEvictions(policy_, n_sink, chunking_, plan_, head.deaths)});
    if (plan_.blocks.empty()) return;
    for (std::size_t h = 0; h < heads_.size(); ++h) tasks_.push_back({h, Work::kStart, 0});
  }

  std::size_t n_tasks() const override { return tasks_.size(); }

  void run(std::size_t task) override {
    const auto [h, work, part] = tasks_[task];
    auto& [start, scores, evictions] = heads_[h];
    switch (work) {
      case Work::kStart:
        scores = start();
        break;
      case Work::kEvents:
        scores->run_event_task(part);
        break;
      case Work::kKeys:
        scores->run_key_task(part);
        break;
      case Work::kEvictions:
        evictions.evict(plan_.blocks[block_], *scores);
        break;
    }
  }

  void next_round() override {
    do {
      tasks_.clear();
      begin_stage();
    } while (tasks_.empty() && stage_ != Stage::kEnd);
  }

 private:
  enum class Stage { kStart, kFirstEvents, kKeys, kEvictions, kEnd };
  enum class Work { kStart, kEvents, kKeys, kEvictions };
  struct Head {
    std::function<std::unique_ptr<DriftingScorer::Head>()> start;
    std::unique_ptr<DriftingScorer::Head> scores;
    HeadEvictions evictions;
  };
  struct Task {
    std::size_t head;
    Work work;
    std::size_t part;
  };

  void begin_stage() {
    switch (stage_) {
      case Stage::kStart:
        stage_ = Stage::kFirstEvents;
        return begin_events(0);
      case Stage::kFirstEvents:
        stage_ = Stage::kKeys;
        return begin_keys();
      case Stage::kKeys:
        stage_ = Stage::kEvictions;
        for (std::size_t h = 0; h < heads_.size(); ++h) tasks_.push_back({h, Work::kEvictions, 0});
        return begin_events(block_ + 1);
      case Stage::kEvictions:
        stage_ = ++block_ < plan_.blocks.size() ? Stage::kKeys : Stage::kEnd;
        if (stage_ == Stage::kKeys) begin_keys();
        return;
      case Stage::kEnd:
        return;
    }
  }

  void begin_events(std::size_t block) {
    if (block == plan_.blocks.size()) return;
    const auto& [first_event, n_events] =
        std::pair(plan_.blocks[block].first_event, plan_.blocks[block].n_events);
    const std::vector<std::int64_t> n(plan_.n.begin() + first_event,
                                      plan_.n.begin() + first_event + n_events);
    for (std::size_t h = 0; h < heads_.size(); ++h) {
      heads_[h].scores->start_events(n);
      add_tasks(h, Work::kEvents, heads_[h].scores->n_event_tasks());
    }
  }

  void begin_keys() {
    for (std::size_t h = 0; h < heads_.size(); ++h) {
      heads_[h].scores->start_keys(heads_[h].evictions.enter(plan_.blocks[block_]));
      add_tasks(h, Work::kKeys, heads_[h].scores->n_key_tasks());
    }
  }

  void add_tasks(std::size_t head, Work work, std::size_t n) {
    for (std::size_t part = 0; part < n; ++part) tasks_.push_back({head, work, part});
  }

  const EvictionPolicy policy_;
  const Chunking chunking_;
  const DriftingPlan plan_;
  std::vector<Head> heads_;
  Stage stage_ = Stage::kStart;
  std::size_t block_ = 0;
  std::vector<Task> tasks_;
};

}  // namespace

std::unique_ptr<Rounds> drifting_rounds(const EvictionPolicy& policy, std::int64_t n_sink,
                                        const Chunking& chunking, std::vector<DriftingHead> heads) {
  return std::make_unique<DriftingRounds>(policy, n_sink, chunking, std::move(heads));
}

void schedule_drifting(const EvictionPolicy& policy, std::int64_t n_sink, const Chunking& chunking,
                       std::unique_ptr<DriftingScorer::Head> head, std::span<DeathTime> deaths) {
  run_all(*drifting_rounds(policy, n_sink, chunking, {{[&] { return std::move(head); }, deaths}}));
}

}  // namespace kvcompare
