#include "worker/worker_loop.h"

#include <chrono>
#include <utility>
#include <variant>

#include "common/errors.h"

namespace kvcompare {
namespace {

constexpr std::chrono::milliseconds kPatience{1000};

Message answer(UnitOutcome outcome) {
  if (auto* failure = std::get_if<UnitFailure>(&outcome)) return Failure{std::move(*failure)};
  return Result{std::get<UnitResult>(std::move(outcome))};
}

}  // namespace

void run_worker(Messenger& messenger, Evaluator& evaluator, const std::string& device) {
  messenger.send(kCoordinator, Hello{device, evaluator.n_tokens_at_once()});
  for (;;) {
    const auto envelope = messenger.receive(kPatience);
    if (!envelope) continue;
    if (std::holds_alternative<Stop>(envelope->message)) return;
    const auto* assignment = std::get_if<Assign>(&envelope->message);
    require(assignment != nullptr, "a worker was sent a message that is neither Assign nor Stop");
    for (auto& outcome : evaluator.evaluate(assignment->units))
      messenger.send(kCoordinator, answer(std::move(outcome)));
  }
}

}  // namespace kvcompare
