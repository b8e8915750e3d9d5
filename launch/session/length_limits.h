// Checks how many tokens a model takes. A sample longer than its sliding window is refused where keys are
// evicted, one that is longer than another limit of its family always. A sample longer than it was made for
// causes a warning.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "worker/checkpoint/model_config.h"

namespace kvcompare {

// What is too long, and what the user can do about it.
struct TooLong {
  std::string what;
  std::string remedy;
  bool is_evicted = true;  // false: every method keeps all keys, and a window is no limit
};

// Throws DataError if the model has an active sliding window in which keys are evicted, or another limit,
// that is shorter than n_tokens. longest_sample: absent where there is neither window nor limit.
std::optional<std::int64_t> longest_sample(const ModelConfig& config);
void refuse_beyond_window(std::int64_t n_tokens, const std::string& data_path, const ModelConfig& config,
                          const TooLong& told);

// Writes a warning to the log if the model was made for fewer tokens.
void warn_beyond_positions(std::int64_t n_tokens, const std::string& what, const ModelConfig& config);

}  // namespace kvcompare
