#include "worker/engine/engine.h"

#include <chrono>
#include <utility>

namespace kvcompare {

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
  for (const auto& task : tasks) {
    const auto start = std::chrono::steady_clock::now();
    try {
      auto result = run_one(task);
      result.unit.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      outcomes.emplace_back(std::move(result));
    } catch (...) {
      outcomes.emplace_back(std::current_exception());
    }
  }
  return outcomes;
}

}  // namespace kvcompare
