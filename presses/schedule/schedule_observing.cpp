#include "presses/schedule/schedule_observing.h"

#include <algorithm>
#include <utility>

#include "common/errors.h"
#include "presses/policy/eviction_slots.h"
#include "presses/schedule/observed_head.h"

namespace kvcompare {
namespace {

constexpr std::int64_t kRowsInBlock = 64;
// From the first row of a block to its end: where few queries count, a block of many tokens would compute
// logits of many keys that have died.
constexpr std::int64_t kTokensInBlock = 128;

// Whether the row of each query counts at some event that may evict. Under a budget these events are known.
std::vector<bool> rows_that_count(const ObservingSchedule& schedule) {
  const auto& chunking = schedule.chunking;
  const auto n_followed = chunking.n_events() > 0 ? chunking.events_until : 0;
  const auto n_queries = schedule.scorer.last_queries();
  if (!n_queries) return std::vector<bool>(static_cast<std::size_t>(n_followed), true);
  std::vector<bool> counts(static_cast<std::size_t>(n_followed), false);
  const bool is_known = has_budget(schedule.rule.policy);
  const auto slots = is_known ? eviction_slots(schedule.rule, chunking) : EvictionSlots{};
  for (std::int64_t e = 0; e < chunking.n_events(); ++e) {
    const auto i = static_cast<std::size_t>(e);
    if (is_known && slots.first[i] == slots.first[i + 1]) continue;
    const auto n = chunking.n_at(e);
    for (auto row = std::max<std::int64_t>(0, n - *n_queries); row < n; ++row)
      counts[static_cast<std::size_t>(row)] = true;
  }
  return counts;
}

std::vector<RowsToFollow> blocks_of(const ObservingSchedule& schedule) {
  const auto counts = rows_that_count(schedule);
  std::vector<RowsToFollow> blocks;
  RowsToFollow block;
  for (std::int64_t i = 0; i < std::ssize(counts); ++i) {
    if (!counts[static_cast<std::size_t>(i)]) continue;
    block.rows.push_back(i);
    block.end = i + 1;
    if (std::ssize(block.rows) < kRowsInBlock && block.end - block.rows.front() < kTokensInBlock) continue;
    blocks.push_back(std::move(block));
    block = {.begin = i + 1, .end = i + 1, .rows = {}};
  }
  if (!block.rows.empty()) blocks.push_back(std::move(block));
  return blocks;
}

// The events of heads that are followed together: one, or all of a layer.
class ObservedEvents {
 public:
  ObservedEvents(const ObservingSchedule& schedule, std::int64_t group)
      : schedule_(schedule), group_(group) {}

  void follow(const RowsToFollow& block, std::span<ObservedHead* const> heads) {
    for (std::size_t r = 0; r < block.rows.size(); ++r) {
      for (auto* head : heads) head->follow(r);
      if (const auto e = schedule_.chunking.event_at(block.rows[r] + 1)) at_event(*e, heads);
    }
    for (auto* head : heads) head->end_block();
  }

 private:
  void at_event(std::int64_t e, std::span<ObservedHead* const> heads) {
    const auto event = schedule_.chunking.event(e);
    std::int64_t n_alive = 0;
    for (const auto* head : heads) n_alive += head->n_alive();
    if (!may_evict(schedule_.rule, event, n_alive, std::ssize(heads))) return;
    if (schedule_.scorer.received_from() == ReceivedFrom::kAllHeads)
      score_together(event.n, heads);
    else
      score_each(event.n, heads);
    if (is_same_in_all(heads.size())) {
      const auto dying = evicted(schedule_.rule, event, ranked_.front().positions, ranked_.front().scores);
      for (auto* head : heads) head->evict(e, dying);
      return;
    }
    const auto dying = evicted_of_layer(schedule_.rule, event, ranked_);
    for (std::size_t h = 0; h < heads.size(); ++h) heads[h]->evict(e, dying[h]);
  }

  bool is_same_in_all(std::size_t n_heads) const {
    return !shares_heads(schedule_.rule) &&
           (n_heads == 1 || schedule_.scorer.received_from() == ReceivedFrom::kAllHeads);
  }

  void score_each(std::int64_t n, std::span<ObservedHead* const> heads) {
    ranked_.clear();
    scores_.resize(heads.size());
    for (std::size_t h = 0; h < heads.size(); ++h) {
      const auto received = heads[h]->received();
      for (auto& sum : received) sum /= static_cast<double>(group_);
      score(n, heads[h]->alive_positions(), received, scores_[h]);
    }
  }

  // All heads have the same score for a position, and have evicted the same keys so far.
  void score_together(std::int64_t n, std::span<ObservedHead* const> heads) {
    const auto received = heads.front()->received();
    for (auto* head : heads.subspan(1)) {
      const auto more = head->received();
      require(more.size() == received.size(), "heads that share their scores evict the same keys");
      for (std::size_t a = 0; a < received.size(); ++a) received[a] += more[a];
    }
    for (auto& sum : received) sum /= static_cast<double>(group_ * std::ssize(heads));
    ranked_.clear();
    scores_.resize(1);
    score(n, heads.front()->alive_positions(), received, scores_.front());
    ranked_.resize(heads.size(), ranked_.front());
  }

  void score(std::int64_t n, std::span<const std::int32_t> positions, std::span<const double> received,
             std::vector<double>& scores) {
    scores.resize(positions.size());
    schedule_.scorer.score(n, positions, received, scores);
    ranked_.push_back({positions, scores});
  }

  const ObservingSchedule& schedule_;
  const std::int64_t group_;
  std::vector<std::vector<double>> scores_;
  std::vector<RankedKeys> ranked_;
};

class ObservingRounds : public Rounds {
 public:
  ObservingRounds(const EvictionRule& rule, const Chunking& chunking, const ObservingScorer& scorer,
                  std::vector<ObservingHead> heads)
      : schedule_{rule, chunking, scorer},
        blocks_(blocks_of(schedule_)),
        is_together_(shares_heads(rule) || scorer.received_from() == ReceivedFrom::kAllHeads),
        heads_(std::move(heads)),
        groups_(heads_.size()),
        states_(heads_.size()) {
    for (std::size_t h = 0; h < heads_.size(); ++h) tasks_.push_back({h, 0});
  }

  std::size_t n_tasks() const override { return tasks_.size(); }

  void run(std::size_t task) override {
    const auto [h, part] = tasks_[task];
    switch (stage_) {
      case Stage::kStart:
        start(h);
        break;
      case Stage::kKeys:
        states_[h]->run_key_task(part);
        break;
      case Stage::kRows:
        follow_rows(h);
        break;
    }
  }

  void next_round() override {
    tasks_.clear();
    if (stage_ == Stage::kKeys) {
      stage_ = Stage::kRows;
      for (std::size_t h = 0; h < (is_together_ ? 1 : heads_.size()); ++h) tasks_.push_back({h, 0});
      return;
    }
    if (stage_ == Stage::kRows) ++block_;
    if (block_ == blocks_.size()) return;
    stage_ = Stage::kKeys;
    for (std::size_t h = 0; h < heads_.size(); ++h) {
      states_[h]->start_block(blocks_[block_]);
      for (std::size_t part = 0; part < states_[h]->n_key_tasks(); ++part) tasks_.push_back({h, part});
    }
  }

 private:
  enum class Stage { kStart, kKeys, kRows };
  struct Task {
    std::size_t head, part;
  };

  void start(std::size_t h) {
    std::ranges::fill(heads_[h].deaths, kNever);
    const auto head = heads_[h].queries_and_keys();
    groups_[h] = head.q.size(0);
    states_[h] = start_observed_head(schedule_, head, heads_[h].deaths);
  }

  // Of one head, or of all.
  void follow_rows(std::size_t h) {
    std::vector<ObservedHead*> heads;
    if (is_together_)
      for (const auto& state : states_) heads.push_back(state.get());
    else
      heads.push_back(states_[h].get());
    ObservedEvents(schedule_, groups_[h]).follow(blocks_[block_], heads);
  }

  const ObservingSchedule schedule_;
  const std::vector<RowsToFollow> blocks_;
  const bool is_together_;
  const std::vector<ObservingHead> heads_;
  std::vector<std::int64_t> groups_;  // query heads of each
  std::vector<std::unique_ptr<ObservedHead>> states_;
  Stage stage_ = Stage::kStart;
  std::size_t block_ = 0;
  std::vector<Task> tasks_;
};

}  // namespace

std::unique_ptr<Rounds> observing_rounds(const EvictionRule& rule, const Chunking& chunking,
                                         const ObservingScorer& scorer, std::vector<ObservingHead> heads) {
  return std::make_unique<ObservingRounds>(rule, chunking, scorer, std::move(heads));
}

void schedule_observing(const EvictionRule& rule, const Chunking& chunking, const ObservingScorer& scorer,
                        const WholeHead& head, std::span<DeathTime> deaths) {
  run_all(*observing_rounds(rule, chunking, scorer, {{[&] { return head; }, deaths}}));
}

}  // namespace kvcompare
