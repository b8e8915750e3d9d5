// Checks how many tokens a model takes. A sample longer than its sliding window is refused where keys are
// evicted, and one whose queries the model scales by their position is refused with methods that do not know
// this. A sample longer than the model was made for causes a warning.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "common/run/method_spec.h"
#include "worker/checkpoint/model_config.h"

namespace kvcompare {

// What is too long, and what the user can do about it.
struct TooLong {
  std::string what;
  std::string remedy;
  bool is_evicted = true;  // false: every method keeps all keys, and a window is no limit
};

// Throws DataError if the model has an active sliding window in which keys are evicted, and which is shorter
// than n_tokens.
void refuse_beyond_window(std::int64_t n_tokens, const std::string& data_path, const ModelConfig& config,
                          const TooLong& told);

// Throws DataError, naming the method, if one of the methods expects queries of positions to come
// (MethodDescription::expects_queries), and the model scales some of n_tokens queries by their position.
void refuse_scaled_queries(std::int64_t n_tokens, const std::string& what, const std::string& data_path,
                           const ModelConfig& config, std::span<const MethodSpec> methods);

// Writes a warning to the log if the model was made for fewer tokens.
void warn_beyond_positions(std::int64_t n_tokens, const std::string& what, const ModelConfig& config);

}  // namespace kvcompare
