// Which units a run consists of.
#pragma once

#include <cstdint>
#include <vector>

#include "common/ids.h"
#include "common/sample.h"

namespace kvcompare {

struct Plan {
  std::vector<UnitId> units;  // in the order of dispatch: sample by sample, the baseline of a sample first
  std::vector<std::int64_t> n_tokens;  // of each unit
  std::vector<SampleIndex> skipped;    // samples of less than two tokens: nothing to predict
};

Plan make_plan(const std::vector<Sample>& samples, std::size_t n_methods);

}  // namespace kvcompare
