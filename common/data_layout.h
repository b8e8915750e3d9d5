// Files of known benchmarks: which of their fields a sample is made of (common/data/json_layouts.h).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kvcompare {

enum class DataLayout {
  kRuler,      // NVIDIA RULER
  kLongBench,  // THUDM LongBench
  kScBench,    // microsoft SCBench
};

std::string to_string(DataLayout layout);  // "longbench"
std::optional<DataLayout> parse_data_layout(std::string_view name);

}  // namespace kvcompare
