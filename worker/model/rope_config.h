// How the frequencies of a rotary embedding are made. worker/model/rope_frequencies.h makes them.
#pragma once

#include <cstdint>

namespace kvcompare {

struct RopeConfig {
  enum class Type { kDefault, kLinear, kLlama3 };
  Type type = Type::kDefault;
  double theta = 10000;
  double factor = 1;                                  // linear and llama3
  double low_freq_factor = 1;                         // llama3
  double high_freq_factor = 1;                        // llama3
  std::int64_t original_max_position_embeddings = 0;  // llama3
  friend bool operator==(const RopeConfig&, const RopeConfig&) = default;
};

}  // namespace kvcompare
