#include "common/unit_result.h"

#include <numeric>

namespace kvcompare {

std::int64_t KeyCounts::kept() const {
  return std::accumulate(kept_per_head.begin(), kept_per_head.end(), std::int64_t{0});
}

}  // namespace kvcompare
