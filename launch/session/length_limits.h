// How many tokens a model takes: more than its sliding window is refused, more than it was made for is told.
#pragma once

#include <cstdint>
#include <string>

#include "worker/checkpoint/model_config.h"

namespace kvcompare {

// What is too long, and what to do about it.
struct TooLong {
  std::string what;
  std::string remedy;
};

// Throws DataError if the model has an active sliding window that is shorter.
void refuse_beyond_window(std::int64_t n_tokens, const std::string& data_path, const ModelConfig& config,
                          const TooLong& told);

// A line in the log if the model was made for fewer.
void warn_beyond_positions(std::int64_t n_tokens, const std::string& what, const ModelConfig& config);

}  // namespace kvcompare
