#include "launch/session/length_limits.h"

#include <algorithm>

#include "common/errors.h"
#include "common/log.h"

namespace kvcompare {

void refuse_beyond_window(std::int64_t n_tokens, const std::string& data_path, const ModelConfig& config,
                          const TooLong& told) {
  const auto refuse = [&](const std::string& limit) {
    throw DataError(data_path, 0,
                    told.what + " has " + std::to_string(n_tokens) + " tokens, more than " + limit +
                        ", which kvcompare does not compute; use " + told.remedy);
  };
  if (told.is_evicted && config.sliding_window && n_tokens > *config.sliding_window)
    refuse("the model's sliding window of " + std::to_string(*config.sliding_window));
  if (config.limit && n_tokens > config.limit->n_tokens) refuse(config.limit->why);
}

std::optional<std::int64_t> longest_sample(const ModelConfig& config) {
  if (!config.limit) return config.sliding_window;
  return std::min(config.limit->n_tokens, config.sliding_window.value_or(config.limit->n_tokens));
}

void warn_beyond_positions(std::int64_t n_tokens, const std::string& what, const ModelConfig& config) {
  if (n_tokens <= config.decoder.max_position_embeddings) return;
  log_warning(what + " has " + std::to_string(n_tokens) + " tokens, the model was made for " +
              std::to_string(config.decoder.max_position_embeddings) + " (max_position_embeddings)");
}

}  // namespace kvcompare
