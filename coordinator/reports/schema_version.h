#pragma once

#include <cstdint>

namespace kvcompare {

// Of comparison_summary.json, detailed_results.json and results.h5. It counts up when a reader of the version
// before would go wrong.
inline constexpr std::int64_t kSchemaVersion = 3;

}  // namespace kvcompare
