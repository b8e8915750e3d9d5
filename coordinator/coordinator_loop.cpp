#include "coordinator/coordinator_loop.h"

#include <map>
#include <optional>
#include <utility>
#include <variant>

#include "common/errors.h"
#include "common/files/fault_point.h"
#include "common/log.h"
#include "common/run/instance_name.h"
#include "coordinator/same_device.h"
#include "coordinator/same_model.h"

namespace kvcompare {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPollInterval{100};
constexpr std::size_t kMostAtOnce = 1024;  // the most outcomes that are written before one sync

class Coordinator {
 public:
  Coordinator(Messenger& messenger, int n_workers, const Work& work, JournalWriter& journal,
              const CoordinatorHooks& hooks)
      : messenger_(messenger),
        work_(work),
        journal_(journal),
        hooks_(hooks),
        n_workers_(n_workers),
        scheduler_(work.units, n_workers, kMaxAttempts,
                   work.no_divergence ? Affinity::kNone : Affinity::kOfSamples),
        estimate_(work.units),
        same_model_(work.model),
        same_numerics_(work.numerics, work.mixed_hardware) {}

  Evaluated run() {
    while (!scheduler_.finished()) {
      auto envelope = messenger_.receive(kPollInterval);
      heed_stop();
      for (; envelope; envelope = messenger_.receive(std::chrono::milliseconds(0))) {
        handle(envelope->from, std::move(envelope->message));
        if (written_.size() >= kMostAtOnce) break;
      }
      acknowledge();
      act();
      hooks_.progress(scheduler_.n_settled(), estimate_.outlook(seconds()));
    }
    evaluated_.interrupted = scheduler_.n_settled() < scheduler_.n_units();
    return evaluated_;
  }

 private:
  void heed_stop() {
    if (!hooks_.stop_requested()) return;
    if (!stopped_at_) {
      scheduler_.stop();
      begin_with_those_that_wait();
      stopped_at_ = Clock::now();
    }
    // The death of a rank looks like a stop, too: mpirun and srun then send the other ranks SIGTERM.
    if (!is_excused_ && messenger_.all_were_alive_at(*stopped_at_)) {
      journal_.append(Excused{"a stop was asked for"});
      is_excused_ = true;
    }
    if (hooks_.leave_loading && n_gone_ == workers_.size() && std::ssize(workers_) < n_workers_) {
      evaluated_.interrupted = true;
      hooks_.leave_loading(evaluated_);
    } else if (Clock::now() >= *stopped_at_ + hooks_.stop_grace) {
      hooks_.give_up();
    }
  }

  void handle(Rank from, Message message) {
    if (auto* hello = std::get_if<Hello>(&message)) {
      welcome(from, std::move(*hello));
    } else if (auto* result = std::get_if<UnitResult>(&message)) {
      write(from, std::move(*result));
    } else if (auto* failure = std::get_if<UnitFailure>(&message)) {
      write(from, std::move(*failure));
    } else if (std::holds_alternative<Goodbye>(message)) {
      // The results of this worker are written but not synced, so they do not count yet.
      acknowledge();
      scheduler_.worker_gone(from);
      estimate_.worker_gone(from);
      ++n_gone_;
    } else if (const auto* work = std::get_if<WorkDone>(&message)) {
      estimate_.work_done(from, work->first, work->share, seconds());
    } else if (const auto* failed = std::get_if<WorkerFailed>(&message)) {
      throw Error(failed->code, failed->reason);
    } else {
      throw InvariantError("the coordinator was sent a message that only a worker gets");
    }
  }

  double seconds() const {
    return hooks_.now ? hooks_.now() : std::chrono::duration<double>(Clock::now() - started_).count();
  }

  void welcome(Rank from, Hello hello) {
    log_debug("worker " + std::to_string(from.value) + " on " + hello.host + " is ready on " + hello.device);
    check_same_device_type(from, hello, work_.device_type);
    same_model_.check(from, hello);
    const auto numerics = same_numerics_.admit(from, hello);
    if (numerics.is_new) journal_.append(NumericsRecord{numerics.place, hello.numerics});
    workers_[from] = {std::move(hello), numerics.place};
    waiting_.push_back(from);
    if (std::ssize(workers_) == n_workers_ || stopped_at_) begin_with_those_that_wait();
  }

  void begin_with_those_that_wait() {
    for (const auto worker : std::exchange(waiting_, {}))
      scheduler_.worker_ready(worker, workers_.at(worker).hello.n_tokens_at_once);
  }

  void write(Rank from, UnitOutcome outcome) {
    const auto unit = unit_of(outcome);
    const auto worker = workers_.find(from);
    require(worker != workers_.end(), "a worker reported a unit before it said hello");
    const auto& [hello, numerics] = worker->second;
    journal_.append(Attempt{outcome, instance_name(method(unit)), scheduler_.n_attempts(unit), from,
                            hello.host, hello.device, numerics});
    ++evaluated_.n_evaluated;
    if (auto* result = std::get_if<UnitResult>(&outcome)) {
      written_.push_back({from, unit, result->seconds, std::nullopt});
    } else {
      written_.push_back({from, unit, 0, std::move(std::get<UnitFailure>(outcome).reason)});
    }
  }

  // A result counts only when it is on the disk.
  void acknowledge() {
    if (written_.empty()) return;
    journal_.sync();
    fault_point("after_sync_before_ack");
    std::map<Rank, std::int64_t> n_written;
    for (const auto& written : std::exchange(written_, {})) {
      ++n_written[written.from];
      if (written.failure) {
        fail(written.from, written.unit, *written.failure);
      } else {
        scheduler_.unit_done(written.from, written.unit, written.seconds);
        estimate_.unit_done(written.from, written.unit, written.seconds, seconds());
      }
    }
    for (const auto& [worker, n] : n_written) messenger_.send(worker, Acknowledge{n});
    if (first_dispatch_)
      evaluated_.seconds = std::chrono::duration<double>(Clock::now() - *first_dispatch_).count();
  }

  void fail(Rank from, UnitId unit, const std::string& reason) {
    const auto verdict = scheduler_.unit_failed(from, unit);
    estimate_.unit_failed(from, unit, verdict == FailureVerdict::kQuarantine, seconds());
    log_warning("sample " + std::to_string(unit.sample.value) + ", " + instance_name(method(unit)) +
                ": attempt " + std::to_string(scheduler_.n_attempts(unit)) + " failed on worker " +
                std::to_string(from.value) +
                (verdict == FailureVerdict::kQuarantine ? ", for good: " : ": ") + reason);
  }

  void begin_once() {
    if (first_dispatch_) return;
    if (hooks_.begins) hooks_.begins();
    first_dispatch_ = Clock::now();
  }

  void act() {
    for (const auto& action : scheduler_.take_actions()) {
      if (const auto* stop = std::get_if<StopWorker>(&action)) {
        messenger_.send(stop->worker, Stop{});
        continue;
      }
      fault_point("before_dispatch");
      const auto& [worker, units, alone] = std::get<AssignUnits>(action);
      begin_once();
      journal_.append(Assigned{worker, units, alone});
      estimate_.assigned(worker, units, seconds());
      Assign assign{
          .units = {},
          .with_token_nll = work_.save_token_nll,
          .nll_bin_width = nll_bin_width(work_.max_length),
          .baseline = work_.no_divergence ? std::nullopt : std::optional<MethodSpec>(work_.methods.front())};
      for (const auto unit : units)
        assign.units.push_back(
            {unit, work_.samples[static_cast<std::size_t>(unit.sample.value)], method(unit)});
      messenger_.send(worker, std::move(assign));
    }
  }

  const MethodSpec& method(UnitId unit) const {
    return work_.methods[static_cast<std::size_t>(unit.method.value)];
  }

  struct Worker {
    Hello hello;
    int numerics = 0;  // its place in the journal
  };

  // An outcome that is in the journal, but not yet reported to the scheduler.
  struct Written {
    Rank from;
    UnitId unit;
    double seconds;
    std::optional<std::string> failure;
  };

  Messenger& messenger_;
  const Work& work_;
  JournalWriter& journal_;
  const CoordinatorHooks& hooks_;
  const int n_workers_;
  Scheduler scheduler_;
  RunEstimate estimate_;
  const Clock::time_point started_ = Clock::now();
  SameModel same_model_;
  SameNumerics same_numerics_;
  std::map<Rank, Worker> workers_;  // those that have said hello
  std::vector<Rank> waiting_;       // those of them that wait until the others have said hello
  std::size_t n_gone_ = 0;          // how many of them have left
  std::vector<Written> written_;
  Evaluated evaluated_;
  std::optional<Clock::time_point> first_dispatch_;
  std::optional<Clock::time_point> stopped_at_;
  bool is_excused_ = false;  // the journal knows that the session may end
};

// The session ends with an error that was caught, so no unit in hand is to blame.
void excuse_units(JournalWriter& journal, const std::string& why) {
  try {
    journal.append(Excused{why});
  } catch (const std::exception& second) {
    log_debug(std::string("while the journal was told of an error: ") + second.what());
  }
}

}  // namespace

Evaluated coordinate(Messenger& messenger, int n_workers, const Work& work, JournalWriter& journal,
                     const CoordinatorHooks& hooks) {
  try {
    return Coordinator(messenger, n_workers, work, journal, hooks).run();
  } catch (const OutputError&) {
    throw;  // the journal may be what cannot be written
  } catch (const std::exception& error) {
    excuse_units(journal, error.what());
    throw;
  }
}

}  // namespace kvcompare
