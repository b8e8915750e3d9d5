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

double n_tokens_of_others(std::span<const Assignment> units, const MethodSpec& baseline) {
  std::int64_t n = 0;
  for (const auto& unit : units)
    if (unit.method != baseline) n += std::ssize(unit.sample.ids);
  return static_cast<double>(n);
}

// Baselines that are run before the other units, one for each sample.
class Baselines {
 public:
  // Both outlive the object.
  void add(const Sample& sample, const MethodSpec& baseline) {
    places_.emplace(sample.index, tasks_.size());
    tasks_.push_back({.sample = &sample, .method = &baseline, .gives_last_hidden = true});
    n_tokens_ += static_cast<double>(sample.ids.size());
  }

  bool contains(const Sample& sample) const { return places_.contains(sample.index); }
  std::size_t place_of(const Sample& sample) const { return places_.at(sample.index); }
  const std::vector<EngineTask>& tasks() const { return tasks_; }
  double n_tokens() const { return n_tokens_; }

 private:
  std::vector<EngineTask> tasks_;
  std::map<SampleIndex, std::size_t> places_;
  double n_tokens_ = 0;
};

}  // namespace

// Which share of the work of an evaluate() a call of the engine is.
struct Evaluator::Part {
  double begin = 0;
  double end = 1;
};

Evaluator::Evaluator(std::unique_ptr<Engine> engine, std::string device, std::int64_t reference_memory)
    : engine_(std::move(engine)), device_(std::move(device)), cache_(reference_memory) {}

// If run_together throws, every unit of the batch gets that exception as its outcome.
std::vector<EngineOutcome> Evaluator::run(std::span<const EngineTask> tasks, const Part& part) {
  if (tasks.empty()) return {};
  engine_->observe_work([this, part](double share) {
    if (observer_) observer_(part.begin + share * (part.end - part.begin));
  });
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
  return run(tasks, {});
}

Evaluator::Reference Evaluator::reference_of(const EngineOutcome& of_baseline) {
  if (const auto* thrown = std::get_if<std::exception_ptr>(&of_baseline)) return {.failure = *thrown};
  const auto& states = std::get<EngineResult>(of_baseline).last_hidden;
  require(states.defined(), "an engine gives the last hidden states that it is asked for");
  return {.last_hidden = states};
}

// First the baselines, among the units or not, then the other units.
std::vector<EngineOutcome> Evaluator::run_compared(std::span<const Assignment> units,
                                                   const MethodSpec& baseline) {
  Baselines baselines;
  for (const auto& unit : units)
    if (unit.method == baseline) baselines.add(unit.sample, unit.method);
  References references;
  for (const auto& unit : units) {
    if (baselines.contains(unit.sample) || references.contains(unit.sample.index)) continue;
    if (auto states = cache_.find(unit.sample.index); states.defined())
      references[unit.sample.index].last_hidden = std::move(states);
    else
      baselines.add(unit.sample, baseline);
  }
  const double share = baselines.n_tokens() / (baselines.n_tokens() + n_tokens_of_others(units, baseline));
  auto of_baselines = run(baselines.tasks(), {.begin = 0, .end = share});
  for (std::size_t b = 0; b < of_baselines.size(); ++b) {
    const auto sample = baselines.tasks()[b].sample->index;
    references[sample] = reference_of(of_baselines[b]);
    if (const auto& states = references[sample].last_hidden; states.defined()) cache_.put(sample, states);
  }

  std::vector<EngineTask> tasks;
  for (const auto& unit : units)
    if (const auto& reference = references.at(unit.sample.index);
        unit.method != baseline && !reference.failure)
      tasks.push_back({.sample = &unit.sample, .method = &unit.method, .reference = reference.last_hidden});
  auto of_others = run(tasks, {.begin = share, .end = 1});

  std::vector<EngineOutcome> outcomes;
  auto other = of_others.begin();
  for (const auto& unit : units) {
    if (unit.method == baseline)
      outcomes.push_back(std::move(of_baselines[baselines.place_of(unit.sample)]));
    else if (const auto& failure = references.at(unit.sample.index).failure)
      outcomes.emplace_back(failure);
    else
      outcomes.push_back(std::move(*other++));
  }
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
