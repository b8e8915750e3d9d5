// What is done when the memory of a device does not suffice for units that run together: each of those that
// it did not suffice for runs again alone, then with smaller blocks of rows, and fails only then, naming the
// sizes. Blocks cut rows that do not depend on each other, so their size changes which numbers are in memory
// at once, not how a number comes about; the bits are the same as far as the product of a row does not depend
// on how many rows are multiplied with it, which is for the caller to see to.
#pragma once

#include <cstdint>
#include <functional>
#include <new>
#include <string>
#include <vector>

#include "worker/engine/engine.h"

namespace kvcompare {

class OutOfMemory : public std::bad_alloc {
 public:
  explicit OutOfMemory(std::string message) : message_(std::move(message)) {}
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  std::string message_;
};

struct BlockRows {
  std::int64_t first = 0;     // to begin with; >= smallest
  std::int64_t smallest = 1;  // >= 1
};

// run(rows.first), then with half the rows for as long as it throws for want of memory; the last time with
// rows.smallest. Throws what the last run threw, and at once what is no want of memory.
EngineResult with_smaller_blocks(BlockRows rows, const std::function<EngineResult(std::int64_t n_rows)>& run);

// How a unit runs alone. Both are called when no unit is under way.
struct AloneRun {
  // Of the unit `index`, in a device that has given back what it can.
  std::function<EngineResult(std::size_t index, std::int64_t n_rows)> run;
  // What the unit needs, for the failure: "0.9 GiB (...) beside weights of 15.0 GiB".
  std::function<std::string(std::size_t index, std::int64_t n_rows)> sizes;
};

// outcomes: of units that ran together. Returns them with those that failed for want of memory run again as
// said above; what still fails so is an OutOfMemory naming the sizes.
std::vector<EngineOutcome> answer_out_of_memory(std::vector<EngineOutcome> outcomes, BlockRows rows,
                                                const AloneRun& alone);

}  // namespace kvcompare
