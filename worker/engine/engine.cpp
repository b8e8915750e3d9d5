#include "worker/engine/engine.h"

#include <chrono>
#include <utility>

#include "common/errors.h"

namespace kvcompare {
namespace {

const at::Tensor& last_hidden_of(const EngineOutcome& of_baseline) {
  if (const auto* thrown = std::get_if<std::exception_ptr>(&of_baseline)) std::rethrow_exception(*thrown);
  const auto& states = std::get<EngineResult>(of_baseline).last_hidden;
  require(states.defined(), "a reference task gives its last hidden states");
  return states;
}

}  // namespace

UnitResult Engine::run(const Sample& sample, const MethodSpec& method) {
  return run(EngineTask{.sample = &sample, .method = &method}).unit;
}

EngineResult Engine::run(const EngineTask& task) {
  auto outcome = std::move(run_together({&task, 1}).front());
  if (const auto* error = std::get_if<std::exception_ptr>(&outcome)) std::rethrow_exception(*error);
  return std::get<EngineResult>(std::move(outcome));
}

std::vector<EngineOutcome> run_one_by_one(std::span<const EngineTask> tasks,
                                          const std::function<EngineResult(const EngineTask&)>& run_one) {
  std::vector<EngineOutcome> outcomes;
  for (auto task : tasks) {
    const auto start = std::chrono::steady_clock::now();
    try {
      if (task.reference_task) task.reference = last_hidden_of(outcomes.at(*task.reference_task));
      auto result = run_one(task);
      result.unit.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      outcomes.emplace_back(std::move(result));
    } catch (...) {
      outcomes.emplace_back(std::current_exception());
    }
  }
  return outcomes;
}

std::vector<EngineOutcome> run_references_first(
    std::span<const EngineTask> tasks,
    const std::function<std::vector<EngineOutcome>(std::span<const EngineTask>)>& run_all) {
  std::vector<EngineOutcome> outcomes(tasks.size());
  for (const bool has_reference_task : {false, true}) {
    std::vector<EngineTask> round;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      if (tasks[i].reference_task.has_value() != has_reference_task) continue;
      auto task = tasks[i];
      try {
        if (has_reference_task) task.reference = last_hidden_of(outcomes.at(*task.reference_task));
      } catch (...) {
        outcomes[i] = std::current_exception();
        continue;
      }
      round.push_back(task);
      places.push_back(i);
    }
    auto of_round = round.empty() ? std::vector<EngineOutcome>() : run_all(round);
    for (std::size_t r = 0; r < places.size(); ++r) outcomes[places[r]] = std::move(of_round[r]);
  }
  return outcomes;
}

}  // namespace kvcompare
