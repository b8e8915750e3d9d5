#include "launch/session/length_limits.h"

#include "common/errors.h"
#include "common/log.h"

namespace kvcompare {

void refuse_beyond_window(std::int64_t n_tokens, const std::string& data_path, const ModelConfig& config,
                          const TooLong& told) {
  if (!config.sliding_window || n_tokens <= *config.sliding_window) return;
  throw DataError(
      data_path, 0,
      told.what + " has " + std::to_string(n_tokens) + " tokens, more than the model's sliding window of " +
          std::to_string(*config.sliding_window) + ", which kvcompare does not compute; use " + told.remedy);
}

void warn_beyond_positions(std::int64_t n_tokens, const std::string& what, const ModelConfig& config) {
  if (n_tokens <= config.max_position_embeddings) return;
  log_warning(what + " has " + std::to_string(n_tokens) + " tokens, the model was made for " +
              std::to_string(config.max_position_embeddings) + " (max_position_embeddings)");
}

}  // namespace kvcompare
