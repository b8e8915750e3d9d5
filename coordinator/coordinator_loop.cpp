#include "coordinator/coordinator_loop.h"

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "common/errors.h"
#include "common/log.h"
#include "coordinator/scheduler.h"

namespace kvcompare {
namespace {

constexpr int kMaxAttempts = 3;
constexpr std::chrono::milliseconds kPollInterval{100};

class Coordinator {
 public:
  Coordinator(Messenger& messenger, int n_workers, const Plan& plan, const std::vector<Sample>& samples,
              const std::vector<MethodSpec>& methods)
      : messenger_(messenger),
        samples_(samples),
        methods_(methods),
        scheduler_(plan.units, plan.n_tokens, n_workers, kMaxAttempts) {}

  Gathered run(const CoordinatorHooks& hooks) {
    while (!scheduler_.finished()) {
      auto envelope = messenger_.receive(kPollInterval);
      if (hooks.stop_requested()) scheduler_.stop();
      if (envelope) handle(envelope->from, std::move(envelope->message));
      act();
      hooks.progress(scheduler_.n_settled(), scheduler_.n_units());
    }
    gathered_.interrupted = scheduler_.n_settled() < scheduler_.n_units();
    return std::move(gathered_);
  }

 private:
  void handle(Rank from, Message message) {
    if (const auto* hello = std::get_if<Hello>(&message)) {
      log_debug("worker " + std::to_string(from.value) + " is ready on " + hello->device);
      scheduler_.worker_ready(from, hello->n_tokens_at_once);
    } else if (auto* result = std::get_if<Result>(&message)) {
      scheduler_.unit_done(from, result->result.unit);
      result->result.token_nll = {};  // 64 KiB a unit at 8192 tokens, and no report needs it
      record(result->result.unit, std::move(result->result));
    } else if (auto* failure = std::get_if<Failure>(&message)) {
      fail(from, std::move(failure->failure));
    } else {
      throw InvariantError("the coordinator was sent a message that only a worker gets");
    }
  }

  void fail(Rank from, UnitFailure failure) {
    const auto unit = failure.unit;
    const auto verdict = scheduler_.unit_failed(from, unit);
    log_warning("sample " + std::to_string(unit.sample.value) + ", " + method(unit).display_name +
                ": attempt " + std::to_string(scheduler_.n_attempts(unit)) + " failed on worker " +
                std::to_string(from.value) + ": " + failure.reason);
    if (verdict == FailureVerdict::kQuarantine) record(unit, std::move(failure));
  }

  void record(UnitId unit, UnitOutcome outcome) {
    gathered_.units.insert_or_assign(unit, Attempted{std::move(outcome), scheduler_.n_attempts(unit)});
    const auto elapsed = std::chrono::steady_clock::now() - *first_dispatch_;
    gathered_.evaluate_seconds = std::chrono::duration<double>(elapsed).count();
  }

  void act() {
    for (const auto& action : scheduler_.take_actions()) {
      if (const auto* stop = std::get_if<StopWorker>(&action)) {
        messenger_.send(stop->worker, Stop{});
        continue;
      }
      const auto& [worker, units] = std::get<AssignUnits>(action);
      if (!first_dispatch_) first_dispatch_ = std::chrono::steady_clock::now();
      Assign assign;
      for (const auto unit : units)
        assign.units.push_back({unit, samples_[static_cast<std::size_t>(unit.sample.value)], method(unit)});
      messenger_.send(worker, std::move(assign));
    }
  }

  const MethodSpec& method(UnitId unit) const {
    return methods_[static_cast<std::size_t>(unit.method.value)];
  }

  Messenger& messenger_;
  const std::vector<Sample>& samples_;
  const std::vector<MethodSpec>& methods_;
  Scheduler scheduler_;
  Gathered gathered_;
  std::optional<std::chrono::steady_clock::time_point> first_dispatch_;
};

}  // namespace

Gathered coordinate(Messenger& messenger, int n_workers, const Plan& plan, const std::vector<Sample>& samples,
                    const std::vector<MethodSpec>& methods, const CoordinatorHooks& hooks) {
  return Coordinator(messenger, n_workers, plan, samples, methods).run(hooks);
}

}  // namespace kvcompare
