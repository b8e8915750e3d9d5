#include "worker/engine/evaluator.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <string>
#include <utility>

#include <c10/util/Exception.h>

#include "common/errors.h"
#include "common/files/fault_point.h"
#include "worker/engine/failure_kind.h"

namespace kvcompare {
namespace {

std::string name_of(const UnitId& unit) {
  return "sample " + std::to_string(unit.sample.value) + ", method " + std::to_string(unit.method.value);
}

UnitOutcome check_numbers(UnitResult result) {
  check_conservation(result);
  const auto bad = std::ranges::find_if_not(result.token_nll, [](double nll) { return std::isfinite(nll); });
  if (bad == result.token_nll.end()) return result;
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

Evaluator::Evaluator(std::unique_ptr<Engine> engine, std::string device)
    : engine_(std::move(engine)), device_(std::move(device)) {}

// If run_together throws, every unit of the batch gets that exception as its outcome.
std::vector<EngineOutcome> Evaluator::run(std::span<const EngineTask> tasks) {
  try {
    auto outcomes = engine_->run_together(tasks);
    require(outcomes.size() == tasks.size(), "an engine gives an outcome for each unit");
    return outcomes;
  } catch (...) {
    return std::vector<EngineOutcome>(tasks.size(), std::current_exception());
  }
}

UnitOutcome Evaluator::checked(UnitId unit, EngineOutcome outcome) const {
  try {
    fault_point("in_unit");
  } catch (...) {
    return failure_of(unit, device_, std::current_exception());
  }
  if (const auto* thrown = std::get_if<std::exception_ptr>(&outcome))
    return failure_of(unit, device_, *thrown);
  auto& result = std::get<UnitResult>(outcome);
  result.unit = unit;
  return check_numbers(std::move(result));
}

std::vector<UnitOutcome> Evaluator::evaluate(std::span<const Assignment> units) {
  std::vector<EngineTask> tasks;
  for (const auto& assignment : units) tasks.push_back({&assignment.sample, &assignment.method});
  auto outcomes = run(tasks);
  std::vector<UnitOutcome> checked_outcomes;
  for (std::size_t i = 0; i < units.size(); ++i)
    checked_outcomes.push_back(checked(units[i].unit, std::move(outcomes[i])));
  return checked_outcomes;
}

void check_conservation(const UnitResult& result) {
  require(std::ssize(result.token_nll) == result.numbers.n_tokens - 1,
          name_of(result.unit) + ": key counts do not add up: one NLL for each token but the first");
  const auto law = broken_law(result);
  require(!law, name_of(result.unit) + ": " + law.value_or(""));
}

}  // namespace kvcompare
