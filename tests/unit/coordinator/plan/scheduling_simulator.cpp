#include "tests/unit/coordinator/plan/scheduling_simulator.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <queue>
#include <set>
#include <utility>

namespace kvcompare {
namespace {

constexpr double kToldEvery = 0.5, kShownEvery = 0.1;  // seconds

struct Event {
  enum class Kind { kReady, kAssigned, kStopped, kUnitEnds, kReported, kStopRequest, kGone, kTold };
  double time;
  std::int64_t number;  // of two at the same time the earlier made comes first
  Kind kind;
  std::size_t worker = 0;
  std::vector<UnitId> units{};
  bool failed = false;
  double seconds = 0;
  double share = 0;
};

struct Later {
  bool operator()(const Event& a, const Event& b) const {
    return a.time != b.time ? a.time > b.time : a.number > b.number;
  }
};

struct Busy {
  std::deque<std::vector<UnitId>> in_hand;  // not begun
  std::deque<UnitId> begun;                 // of the assignment under way
  std::set<SampleIndex> has_baseline_of;
  bool is_stopped = false, has_left = false, has_begun = false;
  double idle_since = 0;
};

class Simulator {
 public:
  explicit Simulator(const Simulation& s)
      : s_(s),
        scheduler_(s.units, static_cast<int>(s.workers.size()), s.max_attempts, s.affinity),
        estimate_(s.units),
        workers_(s.workers.size()),
        random_(s.seed) {
    run_.waited.resize(workers_.size());
    run_.n_stops.resize(workers_.size());
  }

  SimulatedRun run() {
    for (std::size_t w = 0; w < workers_.size(); ++w) at(s_.latency, Event::Kind::kReady, w);
    if (s_.stop_at >= 0) at(s_.stop_at, Event::Kind::kStopRequest, 0);
    while (!events_.empty() && !scheduler_.finished()) {
      const auto event = events_.top();
      events_.pop();
      if (s_.estimates) show_until(event.time);
      now_ = event.time;
      happen(event);
    }
    return run_;
  }

 private:
  void at(double time, Event::Kind kind, std::size_t worker, std::vector<UnitId> units = {},
          bool failed = false, double seconds = 0, double share = 0) {
    events_.push({time, n_events_++, kind, worker, std::move(units), failed, seconds, share});
  }

  static Rank rank(std::size_t worker) { return Rank(static_cast<std::int64_t>(worker) + 1); }

  void happen(const Event& event) {
    auto& worker = workers_[event.worker];
    switch (event.kind) {
      case Event::Kind::kReady:
        scheduler_.worker_ready(rank(event.worker), s_.workers[event.worker].n_tokens_at_once);
        return act();
      case Event::Kind::kStopRequest:
        scheduler_.stop();
        stop_requested_ = true;
        return act();
      case Event::Kind::kReported:
        run_.makespan = now_;
        if (event.failed) {
          const auto verdict = scheduler_.unit_failed(rank(event.worker), event.units.front());
          estimate_.unit_failed(rank(event.worker), event.units.front(),
                                verdict == FailureVerdict::kQuarantine, now_);
        } else {
          ++run_.n_done[event.units.front()];
          scheduler_.unit_done(rank(event.worker), event.units.front(), event.seconds);
          estimate_.unit_done(rank(event.worker), event.units.front(), event.seconds, now_);
        }
        return act();
      case Event::Kind::kGone:
        estimate_.worker_gone(rank(event.worker));
        return scheduler_.worker_gone(rank(event.worker));
      case Event::Kind::kTold:
        return estimate_.work_done(rank(event.worker), event.units.front(), event.share, now_);
      case Event::Kind::kAssigned:
        worker.in_hand.push_back(event.units);
        if (worker.begun.empty()) begin_next(event.worker);
        return;
      case Event::Kind::kStopped:
        worker.is_stopped = true;
        worker.in_hand.clear();
        if (worker.begun.empty()) leave(event.worker);
        return;
      case Event::Kind::kUnitEnds:
        return end_unit(event);
    }
  }

  void begin_next(std::size_t w) {
    auto& worker = workers_[w];
    if (worker.is_stopped) return leave(w);
    if (worker.in_hand.empty()) return;
    const auto units = worker.in_hand.front();
    worker.in_hand.pop_front();
    if (worker.has_begun) run_.waited[w] += now_ - worker.idle_since;
    if (!worker.has_begun)
      for (const auto unit : units)
        run_.longest_first_unit = std::max(run_.longest_first_unit, s_.work.at(unit));
    worker.has_begun = true;
    worker.begun.assign(units.begin(), units.end());
    s_.estimates ? begin_batch(w) : begin_unit(w);
  }

  void begin_unit(std::size_t w) {
    const auto unit = workers_[w].begun.front();
    ++run_.n_attempts[unit];
    const auto seconds = s_.work.at(unit) * s_.workers[w].slowness;
    const bool fails = std::bernoulli_distribution(s_.failing_share)(random_);
    at(now_ + run_baseline_again(w, unit) + seconds, Event::Kind::kUnitEnds, w, {unit}, fails, seconds);
  }

  // Seconds that it takes.
  double run_baseline_again(std::size_t w, UnitId unit) {
    if (!s_.compares_with_baseline) return 0;
    const bool is_there = !workers_[w].has_baseline_of.insert(unit.sample).second;
    if (is_there || unit.method == MethodIndex(0)) return 0;
    const auto work = s_.work.at({unit.sample, MethodIndex(0)});
    run_.baselines_again += work;
    return work * s_.workers[w].slowness;
  }

  // All of it ends at once.
  void begin_batch(std::size_t w) {
    const auto units = workers_[w].begun;
    double total = 0;
    for (const auto unit : units) total += s_.work.at(unit) * s_.workers[w].slowness;
    for (double told = kToldEvery; told < total; told += kToldEvery)
      at(now_ + told + s_.latency, Event::Kind::kTold, w, {units.front()}, false, 0,
         std::pow(told / total, s_.told_power));
    for (const auto unit : units) {
      ++run_.n_attempts[unit];
      const bool fails = std::bernoulli_distribution(s_.failing_share)(random_);
      at(now_ + total, Event::Kind::kUnitEnds, w, {unit}, fails, s_.work.at(unit) * s_.workers[w].slowness);
    }
  }

  void show_until(double time) {
    for (; next_shown_ < time; next_shown_ += kShownEvery)
      run_.shown.push_back({next_shown_, estimate_.outlook(next_shown_)});
  }

  void end_unit(const Event& event) {
    auto& worker = workers_[event.worker];
    worker.begun.pop_front();
    if (!event.failed) run_.work_done += s_.work.at(event.units.front());
    at(now_ + s_.latency, Event::Kind::kReported, event.worker, event.units, event.failed, event.seconds);
    worker.idle_since = now_;
    if (!worker.begun.empty()) return s_.estimates ? void() : begin_unit(event.worker);
    begin_next(event.worker);
  }

  void leave(std::size_t w) {
    if (std::exchange(workers_[w].has_left, true)) return;
    at(now_ + s_.latency, Event::Kind::kGone, w);
  }

  void act() {
    for (const auto& action : scheduler_.take_actions()) {
      if (const auto* stop = std::get_if<StopWorker>(&action)) {
        const auto w = static_cast<std::size_t>(stop->worker.value - 1);
        ++run_.n_stops[w];
        at(now_ + s_.latency, Event::Kind::kStopped, w);
        continue;
      }
      const auto& [worker, units, alone] = std::get<AssignUnits>(action);
      const auto w = static_cast<std::size_t>(worker.value - 1);
      estimate_.assigned(worker, units, now_);
      run_.assigned_after_stop = run_.assigned_after_stop || stop_requested_;
      at(now_ + s_.latency, Event::Kind::kAssigned, w, units);
      const auto n_here = workers_[w].in_hand.size() + (workers_[w].begun.empty() ? 0 : 1) + 1;
      run_.most_assignments = std::max(run_.most_assignments, n_here);
    }
  }

  const Simulation& s_;
  Scheduler scheduler_;
  RunEstimate estimate_;
  double next_shown_ = kShownEvery;
  std::vector<Busy> workers_;
  std::mt19937_64 random_;
  std::priority_queue<Event, std::vector<Event>, Later> events_;
  std::int64_t n_events_ = 0;
  double now_ = 0;
  bool stop_requested_ = false;
  SimulatedRun run_;
};

}  // namespace

SimulatedRun simulate(const Simulation& simulation) { return Simulator(simulation).run(); }

}  // namespace kvcompare
