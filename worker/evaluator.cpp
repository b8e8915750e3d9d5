#include "worker/evaluator.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <c10/util/Exception.h>

#include "common/errors.h"

namespace kvcompare {
namespace {

std::string name_of(const UnitId& unit) {
  return "sample " + std::to_string(unit.sample.value) + ", method " + std::to_string(unit.method.value);
}

// The CPU's allocator throws a plain c10::Error.
bool is_out_of_memory(const c10::Error& error) {
  return dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr ||
         std::string_view(error.what_without_backtrace()).find("DefaultCPUAllocator") !=
             std::string_view::npos;
}

UnitOutcome checked(UnitResult result) {
  check_conservation(result);
  const auto bad = std::ranges::find_if_not(result.token_nll, [](double nll) { return std::isfinite(nll); });
  if (bad == result.token_nll.end()) return result;
  const auto position = std::distance(result.token_nll.begin(), bad) + 1;
  return UnitFailure{result.unit, "the NLL of token " + std::to_string(position) + " is not finite (" +
                                      std::to_string(*bad) + "); a wider --dtype may help"};
}

}  // namespace

Evaluator::Evaluator(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {}

UnitOutcome Evaluator::evaluate(const Assign& assignment) {
  const auto start = std::chrono::steady_clock::now();
  try {
    auto result = engine_->run(assignment.sample, assignment.method);
    result.unit = assignment.unit;
    result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return checked(std::move(result));
  } catch (const std::domain_error& error) {
    return UnitFailure{assignment.unit, error.what()};
  } catch (const std::bad_alloc&) {
    return UnitFailure{assignment.unit, "out of memory"};
  } catch (const c10::Error& error) {
    if (is_out_of_memory(error)) return UnitFailure{assignment.unit, error.what_without_backtrace()};
    throw InvariantError(name_of(assignment.unit) + ": libtorch: " + error.what_without_backtrace());
  }
}

void check_conservation(const UnitResult& result) {
  const auto& keys = result.keys;
  const auto n_heads = keys.n_layers * keys.n_kv_heads;
  const auto holds = [&](bool condition, const char* law) {
    require(condition, name_of(result.unit) + ": key counts do not add up: " + law);
  };
  holds(std::ssize(result.token_nll) == result.n_tokens - 1, "one NLL for each token but the first");
  holds(keys.original == result.n_tokens * n_heads, "original = tokens x layers x KV heads");
  holds(std::ssize(keys.kept_per_head) == n_heads, "one count for each layer and KV head");
  holds(std::ranges::all_of(keys.kept_per_head,
                            [&](auto kept) { return kept >= 0 && kept <= result.n_tokens; }),
        "0 <= kept <= tokens in every head");
  holds(keys.attendable == n_heads * result.n_tokens * (result.n_tokens + 1) / 2,
        "attendable = sum of (i + 1)");
  holds(keys.attended > 0 && keys.attended <= keys.attendable, "0 < attended <= attendable");
  holds(keys.withheld_from_scored >= 0 && keys.withheld_from_scored <= keys.attendable - keys.attended,
        "withheld from scored queries <= attendable - attended");
  holds(keys.compressible_kept >= 0 && keys.compressible_kept <= std::min(keys.compressible, keys.kept()),
        "compressible kept <= compressible, kept");
  holds(keys.peak >= keys.kept() && keys.peak <= keys.original, "kept <= peak <= original");
}

}  // namespace kvcompare
