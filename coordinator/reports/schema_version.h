#pragma once

#include <cstdint>

namespace kvcompare {

// The version of the format of comparison_summary.json, detailed_results.json and results.h5. It is raised
// when a program that reads the version before would go wrong.
inline constexpr std::int64_t kSchemaVersion = 4;

}  // namespace kvcompare
