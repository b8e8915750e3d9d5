#include "worker/gpu/out_of_memory.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>
#include <variant>

#include "common/errors.h"
#include "worker/engine/failure_kind.h"

namespace kvcompare {
namespace {

bool lacks_memory(const EngineOutcome& outcome) {
  const auto* thrown = std::get_if<std::exception_ptr>(&outcome);
  return thrown && kind_of(*thrown) == FailureKind::kMemory;
}

EngineOutcome run_alone(std::size_t index, BlockRows rows, const AloneRun& alone) {
  const auto start = std::chrono::steady_clock::now();
  try {
    auto result = with_smaller_blocks(rows, [&](auto n_rows) { return alone.run(index, n_rows); });
    result.unit.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return result;
  } catch (...) {
    const auto thrown = std::current_exception();
    if (kind_of(thrown) != FailureKind::kMemory) return thrown;
    return std::make_exception_ptr(OutOfMemory("out of memory, alone and in blocks of " +
                                               std::to_string(rows.smallest) + " rows: the unit needs " +
                                               alone.sizes(index, rows.smallest) + "; " + text_of(thrown)));
  }
}

}  // namespace

EngineResult with_smaller_blocks(BlockRows rows,
                                 const std::function<EngineResult(std::int64_t n_rows)>& run) {
  require(rows.smallest >= 1 && rows.first >= rows.smallest, "blocks have a row or more");
  for (auto n = rows.first;; n = std::max(n / 2, rows.smallest)) {
    try {
      return run(n);
    } catch (...) {
      if (n == rows.smallest || kind_of(std::current_exception()) != FailureKind::kMemory) throw;
    }
  }
}

std::vector<EngineOutcome> answer_out_of_memory(std::vector<EngineOutcome> outcomes, BlockRows rows,
                                                const AloneRun& alone) {
  for (std::size_t i = 0; i < outcomes.size(); ++i)
    if (lacks_memory(outcomes[i])) outcomes[i] = run_alone(i, rows, alone);
  return outcomes;
}

}  // namespace kvcompare
