#include "presses/schedule/schedule_observing.h"

#include <algorithm>
#include <utility>

#include "presses/schedule/observed_head.h"

namespace kvcompare {
namespace {

constexpr std::int64_t kRowsInBlock = 64;

class ObservingRounds : public Rounds {
 public:
  ObservingRounds(const EvictionRule& rule, const Chunking& chunking, const ObservingScorer& scorer,
                  std::vector<ObservingHead> heads)
      : schedule_{rule, chunking, scorer},
        n_followed_(chunking.n_events() > 0 ? chunking.events_until : 0),
        heads_(std::move(heads)),
        states_(heads_.size()) {
    for (std::size_t h = 0; h < heads_.size(); ++h) tasks_.push_back({h, 0});
  }

  std::size_t n_tasks() const override { return tasks_.size(); }

  void run(std::size_t task) override {
    const auto [h, part] = tasks_[task];
    switch (stage_) {
      case Stage::kStart:
        std::ranges::fill(heads_[h].deaths, kNever);
        states_[h] = start_observed_head(schedule_, heads_[h].queries_and_keys(), heads_[h].deaths);
        break;
      case Stage::kKeys:
        states_[h]->run_key_task(part);
        break;
      case Stage::kRows:
        states_[h]->follow_rows();
        break;
    }
  }

  void next_round() override {
    tasks_.clear();
    if (stage_ != Stage::kKeys) {
      if (first_row_ == n_followed_) return;
      stage_ = Stage::kKeys;
      const auto end = std::min(first_row_ + kRowsInBlock, n_followed_);
      for (std::size_t h = 0; h < heads_.size(); ++h) {
        states_[h]->start_block(first_row_, end);
        for (std::size_t part = 0; part < states_[h]->n_key_tasks(); ++part) tasks_.push_back({h, part});
      }
      first_row_ = end;
    } else {
      stage_ = Stage::kRows;
      for (std::size_t h = 0; h < heads_.size(); ++h) tasks_.push_back({h, 0});
    }
  }

 private:
  enum class Stage { kStart, kKeys, kRows };
  struct Task {
    std::size_t head, part;
  };

  const ObservingSchedule schedule_;
  const std::int64_t n_followed_;  // rows up to the last event
  const std::vector<ObservingHead> heads_;
  std::vector<std::unique_ptr<ObservedHead>> states_;
  Stage stage_ = Stage::kStart;
  std::int64_t first_row_ = 0;  // of the next block
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
