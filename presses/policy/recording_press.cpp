#include "presses/policy/recording_press.h"

#include <utility>
#include <vector>

namespace kvcompare {
namespace {

// What either needs.
Needs both(const Needs& a, const Needs& b) {
  return {.hidden = a.hidden || b.hidden,
          .raw_q = a.raw_q || b.raw_q,
          .raw_k = a.raw_k || b.raw_k,
          .q = a.q || b.q,
          .k = a.k || b.k,
          .v = a.v || b.v,
          .attention = a.attention || b.attention};
}

class RecordingSchedule : public DeathSchedule {
 public:
  RecordingSchedule(std::unique_ptr<DeathSchedule> schedule, const Needs& needs, LayerSink& sink)
      : schedule_(std::move(schedule)), needs_(needs), sink_(sink) {}

  void see(const LayerView& tile) override {
    sink_.take(what_is_needed(tile, sink_.needs()));
    schedule_->see(what_is_needed(tile, needs_));
  }
  std::unique_ptr<Rounds> decide(const LayerView& layer, const LayerDeathTimes& deaths) override {
    return schedule_->decide(layer, deaths);
  }

 private:
  const std::unique_ptr<DeathSchedule> schedule_;
  const Needs needs_;
  LayerSink& sink_;
};

class RecordingEviction : public LayerEviction {
 public:
  RecordingEviction(std::unique_ptr<LayerEviction> eviction, const Needs& needs, LayerSink& sink)
      : eviction_(std::move(eviction)), needs_(needs), sink_(sink) {}

  void append(const LayerView& chunk) override {
    sink_.take(what_is_needed(chunk, sink_.needs()));
    eviction_->append(what_is_needed(chunk, needs_));
  }
  void observe(std::int64_t kv_head, const at::Tensor& weights) override {
    eviction_->observe(kv_head, weights);
  }
  std::vector<at::Tensor> evict(const Event& event, std::span<const AliveKeys> heads) override {
    std::vector<AliveKeys> needed;
    for (const auto& head : heads) needed.push_back(what_is_needed(head, needs_));
    return eviction_->evict(event, needed);
  }

 private:
  const std::unique_ptr<LayerEviction> eviction_;
  const Needs needs_;
  LayerSink& sink_;
};

class RecordingPress : public LayerPress {
 public:
  RecordingPress(std::unique_ptr<LayerPress> press, LayerSink& sink)
      : press_(std::move(press)), sink_(sink) {}

  PressNeeds needs() const override {
    auto needs = press_->needs();
    needs.tile = both(needs.tile, sink_.needs());
    needs.chunk = both(needs.chunk, sink_.needs());
    return needs;
  }
  std::unique_ptr<DeathSchedule> start_schedule(const UnitShape& unit) const override {
    return std::make_unique<RecordingSchedule>(press_->start_schedule(unit), press_->needs().tile, sink_);
  }
  std::unique_ptr<LayerEviction> start_eviction(const UnitShape& unit) const override {
    return std::make_unique<RecordingEviction>(press_->start_eviction(unit), press_->needs().chunk, sink_);
  }

 private:
  const std::unique_ptr<LayerPress> press_;
  LayerSink& sink_;
};

}  // namespace

std::unique_ptr<LayerPress> recording_press(std::unique_ptr<LayerPress> press, LayerSink& sink) {
  return std::make_unique<RecordingPress>(std::move(press), sink);
}

}  // namespace kvcompare
