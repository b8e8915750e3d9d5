#include "worker/engine/evaluator.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <map>
#include <string>
#include <utility>

#include <c10/util/Exception.h>

#include "common/errors.h"
#include "common/files/fault_point.h"
#include "worker/checkpoint/watched_mapping.h"
#include "worker/engine/failure_kind.h"

namespace kvcompare {
namespace {

std::string name_of(const UnitId& unit) {
  return "sample " + std::to_string(unit.sample.value) + ", method " + std::to_string(unit.method.value);
}

UnitOutcome check_numbers(UnitResult result, bool is_compared) {
  check_conservation(result);
  const auto bad = std::ranges::find_if_not(result.token_nll, [](double nll) { return std::isfinite(nll); });
  if (bad == result.token_nll.end()) {
    if (!is_compared || result.numbers.divergence) return result;
    return UnitFailure{result.unit,
                       "the baseline's distribution of a token, with which that of the method is "
                       "compared, is not finite; a wider --dtype may help"};
  }
  const auto position = std::distance(result.token_nll.begin(), bad) + 1;
  return UnitFailure{result.unit, "the NLL of token " + std::to_string(position) + " is not finite (" +
                                      std::to_string(*bad) + "); a wider --dtype may help"};
}

// Returns the failure of the unit. Rethrows an exception that is not the unit's fault.
UnitFailure failure_of(UnitId unit, const std::string& device, const std::exception_ptr& thrown) {
  const auto kind = kind_of(thrown);
  if (kind == FailureKind::kUnit || kind == FailureKind::kMemory) return {unit, text_of(thrown)};
  try {
    rethrow_naming(device, thrown);
  } catch (const c10::Error& error) {
    throw InvariantError(name_of(unit) + ": libtorch: " + error.what_without_backtrace());
  }
}

}  // namespace

Evaluator::Evaluator(std::unique_ptr<Engine> engine, std::string device, std::int64_t reference_memory)
    : engine_(std::move(engine)), device_(std::move(device)), cache_(reference_memory) {}

// If run_together throws, every unit of the batch gets that exception as its outcome.
std::vector<EngineOutcome> Evaluator::run(std::span<const EngineTask> tasks) {
  engine_->observe_work(observer_);
  try {
    auto outcomes = engine_->run_together(tasks);
    require(outcomes.size() == tasks.size(), "an engine gives an outcome for each unit");
    return outcomes;
  } catch (...) {
    return std::vector<EngineOutcome>(tasks.size(), std::current_exception());
  }
}

std::vector<EngineOutcome> Evaluator::run_all(std::span<const Assignment> units) {
  std::vector<EngineTask> tasks;
  for (const auto& unit : units) tasks.push_back({.sample = &unit.sample, .method = &unit.method});
  return run(tasks);
}

// The baselines come first: those among the units, and those that are missed.
std::vector<EngineOutcome> Evaluator::run_compared(std::span<const Assignment> units,
                                                   const MethodSpec& baseline) {
  std::vector<EngineTask> tasks;
  std::map<SampleIndex, std::size_t> baselines;  // places of tasks
  const auto add_baseline = [&](const Sample& sample) {
    baselines.emplace(sample.index, tasks.size());
    tasks.push_back({.sample = &sample, .method = &baseline, .gives_last_hidden = true});
  };
  for (const auto& unit : units)
    if (unit.method == baseline) add_baseline(unit.sample);
  std::map<SampleIndex, at::Tensor> remembered;
  for (const auto& unit : units) {
    const auto sample = unit.sample.index;
    if (baselines.contains(sample) || remembered.contains(sample)) continue;
    if (auto states = cache_.find(sample); states.defined())
      remembered.emplace(sample, std::move(states));
    else
      add_baseline(unit.sample);
  }

  std::vector<std::size_t> places;  // of the units' tasks
  for (const auto& unit : units) {
    const auto of_baseline = baselines.find(unit.sample.index);
    if (unit.method == baseline) {
      places.push_back(of_baseline->second);
      continue;
    }
    places.push_back(tasks.size());
    tasks.push_back({.sample = &unit.sample, .method = &unit.method});
    if (of_baseline != baselines.end())
      tasks.back().reference_task = of_baseline->second;
    else
      tasks.back().reference = remembered.at(unit.sample.index);
  }

  auto of_tasks = run(tasks);
  for (const auto& [sample, place] : baselines)
    if (const auto* result = std::get_if<EngineResult>(&of_tasks[place]))
      cache_.put(sample, result->last_hidden);
  std::vector<EngineOutcome> outcomes;
  for (const auto place : places) outcomes.push_back(std::move(of_tasks[place]));
  return outcomes;
}

UnitOutcome Evaluator::checked(UnitId unit, EngineOutcome outcome, bool is_compared) const {
  try {
    fault_point("in_unit");
  } catch (...) {
    return failure_of(unit, device_, std::current_exception());
  }
  if (const auto* thrown = std::get_if<std::exception_ptr>(&outcome))
    return failure_of(unit, device_, *thrown);
  auto& result = std::get<EngineResult>(outcome).unit;
  result.unit = unit;
  return check_numbers(std::move(result), is_compared);
}

std::vector<UnitOutcome> Evaluator::evaluate(std::span<const Assignment> units,
                                             const std::optional<MethodSpec>& baseline) {
  for (const auto& [unit, sample, method] : units) deadly_unit(unit.sample.value, unit.method.value);
  auto outcomes = baseline ? run_compared(units, *baseline) : run_all(units);
  check_mapped_files_unchanged();
  std::vector<UnitOutcome> checked_outcomes;
  for (std::size_t i = 0; i < units.size(); ++i)
    checked_outcomes.push_back(
        checked(units[i].unit, std::move(outcomes[i]), baseline && units[i].method != *baseline));
  return checked_outcomes;
}

void check_conservation(const UnitResult& result) {
  require(std::ssize(result.token_nll) == result.numbers.n_tokens - 1,
          name_of(result.unit) + ": key counts do not add up: one NLL for each token but the first");
  const auto law = broken_law(result);
  require(!law, name_of(result.unit) + ": " + law.value_or(""));
}

}  // namespace kvcompare
