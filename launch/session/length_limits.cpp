#include "launch/session/length_limits.h"

#include "common/errors.h"
#include "common/log.h"
#include "presses/registry.h"
#include "worker/model/decoder.h"

namespace kvcompare {

void refuse_beyond_window(std::int64_t n_tokens, const std::string& data_path, const ModelConfig& config,
                          const TooLong& told) {
  if (!told.is_evicted || !config.sliding_window || n_tokens <= *config.sliding_window) return;
  throw DataError(
      data_path, 0,
      told.what + " has " + std::to_string(n_tokens) + " tokens, more than the model's sliding window of " +
          std::to_string(*config.sliding_window) + ", which kvcompare does not compute; use " + told.remedy);
}

void refuse_scaled_queries(std::int64_t n_tokens, const std::string& what, const std::string& data_path,
                           const ModelConfig& config, std::span<const MethodSpec> methods) {
  const auto n_unscaled = n_unscaled_queries(config.decoder);
  if (!n_unscaled || n_tokens <= *n_unscaled) return;
  for (const auto& method : methods)
    if (description_of(method).expects_queries)
      throw DataError(data_path, 0,
                      what + " has " + std::to_string(n_tokens) + " tokens, and behind the first " +
                          std::to_string(*n_unscaled) +
                          " the model scales queries by their position, where " + method.name +
                          " is not defined; leave it out of --methods, or use --max_length " +
                          std::to_string(*n_unscaled) + " or less");
}

void warn_beyond_positions(std::int64_t n_tokens, const std::string& what, const ModelConfig& config) {
  if (n_tokens <= config.decoder.max_position_embeddings) return;
  log_warning(what + " has " + std::to_string(n_tokens) + " tokens, the model was made for " +
              std::to_string(config.decoder.max_position_embeddings) + " (max_position_embeddings)");
}

}  // namespace kvcompare
