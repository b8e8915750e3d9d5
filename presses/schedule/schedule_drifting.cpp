#include "presses/schedule/schedule_drifting.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>
#include <vector>

#include "common/size.h"
#include "presses/schedule/alive_list.h"
#include "presses/schedule/drifting_plan.h"

namespace kvcompare {
namespace {

// Follows the alive keys of one KV head, block by block.
class HeadEvictions {
 public:
  HeadEvictions(const DriftingPlan& plan, std::span<DeathTime> deaths) : plan_(plan), deaths_(deaths) {
    std::ranges::fill(deaths, kNever);
  }

  // Returns the positions of the keys that may be alive at some event of the block, ascending.
  std::span<const std::int32_t> enter(const DriftingBlock& block) {
    n_old_ = std::ssize(candidates_);
    for (auto j = block.n_before; j < block.n_after; ++j) candidates_.push_back(static_cast<std::int32_t>(j));
    return candidates_;
  }

  // The events of the block come in order: each is scored, and then evicts.
  void begin_events() {
    alive_.resize(size(n_old_));
    std::iota(alive_.begin(), alive_.end(), 0);
    positions_.assign(candidates_.begin(), candidates_.begin() + n_old_);
    next_ = static_cast<std::int32_t>(n_old_);
  }

  // Valid until the next call.
  //   index : of the event in the block
  RankedKeys score(const DriftingBlock& block, std::int64_t index, DriftingScorer::Head& head) {
    const auto n = plan_.n[size(block.first_event + index)];
    for (; next_ < std::ssize(candidates_) && candidates_[size(next_)] < n; ++next_) {
      alive_.push_back(next_);
      positions_.push_back(candidates_[size(next_)]);
    }
    scores_.resize(alive_.size());
    head.score(size(index), alive_, scores_);
    return {positions_, scores_};
  }

  // dying: ascending indices into the alive keys
  void evict(std::int32_t event, std::span<const std::int32_t> dying) {
    for (const auto a : dying) deaths_[size(positions_[size(a)])] = event;
    erase_indices(alive_, dying);
    erase_indices(positions_, dying);
  }

  // No candidate is younger than the last event.
  void end_events() { candidates_ = positions_; }

 private:
  const DriftingPlan& plan_;
  const std::span<DeathTime> deaths_;
  std::vector<std::int32_t> candidates_;
  std::int64_t n_old_ = 0;               // candidates from before the block
  std::int32_t next_ = 0;                // the first candidate whose token has not come yet
  std::vector<std::int32_t> alive_;      // indices into candidates_
  std::vector<std::int32_t> positions_;  // of the alive keys
  std::vector<double> scores_;
};

// Of a layer. If its heads share their budgets, all go through the stages together, and one task makes the
// evictions of all.
class DriftingRounds : public Rounds {
 public:
  DriftingRounds(const EvictionRule& rule, const Chunking& chunking, std::vector<DriftingHead> heads)
      : rule_(rule), chunking_(chunking), plan_(drifting_plan(rule_, rule.n_first, chunking_)) {
    heads_.reserve(heads.size());
    for (auto& head : heads)
      heads_.push_back({std::move(head.start), nullptr, HeadEvictions(plan_, head.deaths)});
    if (plan_.blocks.empty()) return;
    for (std::size_t h = 0; h < heads_.size(); ++h) tasks_.push_back({h, Work::kStart, 0});
  }

  std::size_t n_tasks() const override { return tasks_.size(); }

  void run(std::size_t task) override {
    const auto [h, work, part] = tasks_[task];
    auto& head = heads_[h];
    switch (work) {
      case Work::kStart:
        head.scores = head.start();
        break;
      case Work::kEvents:
        head.scores->run_event_task(part);
        break;
      case Work::kKeys:
        head.scores->run_key_task(part);
        break;
      case Work::kEvictions:
        make_evictions(plan_.blocks[head.block], h);
        break;
    }
  }

  void next_round() override {
    do {
      tasks_.clear();
      for (std::size_t h = 0; h < heads_.size(); ++h) begin_next_stage(h);
    } while (tasks_.empty() &&
             std::ranges::any_of(heads_, [](const auto& head) { return head.stage != Stage::kEnd; }));
    // The longest first, so that the threads end together.
    std::ranges::stable_partition(tasks_, [](const auto& task) { return task.work == Work::kEvictions; });
  }

 private:
  enum class Stage { kStart, kFirstEvents, kPause, kKeys, kEvictions, kEnd };
  enum class Work { kStart, kEvents, kKeys, kEvictions };
  struct Head {
    std::function<std::unique_ptr<DriftingScorer::Head>()> start;
    std::unique_ptr<DriftingScorer::Head> scores;
    HeadEvictions evictions;
    Stage stage = Stage::kStart;
    std::size_t block = 0;
  };
  struct Task {
    std::size_t head;
    Work work;
    std::size_t part;
  };

  void begin_next_stage(std::size_t h) {
    auto& head = heads_[h];
    switch (head.stage) {
      case Stage::kStart:
        head.stage = Stage::kFirstEvents;
        return begin_events(h, 0);
      case Stage::kFirstEvents:
        // Every other head is one round behind the others.
        head.stage = is_together_ || h % 2 == 0 ? Stage::kKeys : Stage::kPause;
        if (head.stage == Stage::kKeys) begin_keys(h);
        return;
      case Stage::kPause:
        head.stage = Stage::kKeys;
        return begin_keys(h);
      case Stage::kKeys:
        head.stage = Stage::kEvictions;
        if (!is_together_ || h == 0) tasks_.push_back({h, Work::kEvictions, 0});
        return begin_events(h, head.block + 1);
      case Stage::kEvictions:
        head.stage = ++head.block < plan_.blocks.size() ? Stage::kKeys : Stage::kEnd;
        if (head.stage == Stage::kKeys) begin_keys(h);
        return;
      case Stage::kEnd:
        return;
    }
  }

  // Of head h, or of all.
  void make_evictions(const DriftingBlock& block, std::size_t h) {
    const auto heads = is_together_ ? std::span(heads_) : std::span(heads_).subspan(h, 1);
    for (auto& head : heads) head.evictions.begin_events();
    std::vector<RankedKeys> ranked(heads.size());
    for (std::int64_t i = 0; i < block.n_events; ++i) {
      const auto e = plan_.events[size(block.first_event + i)];
      for (std::size_t k = 0; k < heads.size(); ++k)
        ranked[k] = heads[k].evictions.score(block, i, *heads[k].scores);
      const auto dying = evicted_of_layer(rule_, chunking_.event(e), ranked);
      for (std::size_t k = 0; k < heads.size(); ++k) heads[k].evictions.evict(e, dying[k]);
    }
    for (auto& head : heads) head.evictions.end_events();
  }

  void begin_events(std::size_t h, std::size_t block) {
    if (block == plan_.blocks.size()) return;
    const auto first = plan_.n.begin() + plan_.blocks[block].first_event;
    const std::vector<std::int64_t> n(first, first + plan_.blocks[block].n_events);
    heads_[h].scores->start_events(n);
    add_tasks(h, Work::kEvents, heads_[h].scores->n_event_tasks());
  }

  void begin_keys(std::size_t h) {
    auto& head = heads_[h];
    head.scores->start_keys(head.evictions.enter(plan_.blocks[head.block]));
    add_tasks(h, Work::kKeys, head.scores->n_key_tasks());
  }

  void add_tasks(std::size_t head, Work work, std::size_t n) {
    for (std::size_t part = 0; part < n; ++part) tasks_.push_back({head, work, part});
  }

  const EvictionRule rule_;
  const Chunking chunking_;
  const DriftingPlan plan_;
  const bool is_together_ = shares_heads(rule_);
  std::vector<Head> heads_;
  std::vector<Task> tasks_;
};

}  // namespace

std::unique_ptr<Rounds> drifting_rounds(const EvictionRule& rule, const Chunking& chunking,
                                        std::vector<DriftingHead> heads) {
  return std::make_unique<DriftingRounds>(rule, chunking, std::move(heads));
}

void schedule_drifting(const EvictionRule& rule, const Chunking& chunking,
                       std::unique_ptr<DriftingScorer::Head> head, std::span<DeathTime> deaths) {
  run_all(*drifting_rounds(rule, chunking, {{[&] { return std::move(head); }, deaths}}));
}

}  // namespace kvcompare
