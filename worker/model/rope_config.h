// How a rotary embedding is made: its frequencies, and what multiplies what it turns.
// worker/model/rope_frequencies.h makes it.
#pragma once

#include <cstdint>
#include <vector>

#include "presses/query_scale.h"

namespace kvcompare {

struct RopeConfig {
  enum class Type {
    kDefault,
    kLinear,
    kLlama3,
    kYarn,
    kDynamic,   // its frequencies depend on the length of a sample
    kLongrope,  // likewise
    kNone,      // nothing turns
  };
  Type type = Type::kDefault;
  double theta = 10000;
  double factor = 1;                                  // all but default and longrope
  double low_freq_factor = 1;                         // llama3
  double high_freq_factor = 1;                        // llama3
  std::int64_t original_max_position_embeddings = 0;  // llama3, yarn, longrope
  std::int64_t max_position_embeddings = 0;           // dynamic
  double beta_fast = 32;                              // yarn
  double beta_slow = 1;                               // yarn
  bool truncates = true;                              // yarn: the borders of its ramp are whole numbers
  std::vector<double> short_factor{}, long_factor{};  // longrope: [channels that turn / 2]
  double attention_factor = 1;                        // of cosine and sine of the channels that turn
  QueryScale query_scale{};                           // of all channels of queries, by position
  std::int64_t n_turning = 0;                         // channels that turn, the first ones; 0: all
  // A checkpoint stores the channels 2 i and 2 i + 1 as a pair, and not i and i + half of those that turn.
  bool is_interleaved = false;
  friend bool operator==(const RopeConfig&, const RopeConfig&) = default;
};

}  // namespace kvcompare
