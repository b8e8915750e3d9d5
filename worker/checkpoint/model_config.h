// What config.json says about a model, every default filled in.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "common/run/dtype.h"
#include "worker/model/decoder.h"

namespace kvcompare {

struct ModelConfig {
  Decoder decoder;
  // That of all layers. In a longer sample evicting is not defined.
  std::optional<std::int64_t> sliding_window{};
  std::optional<Dtype> stored_dtype{};  // what config.json says; absent if it does not
};

// Throws CheckpointError naming the key for everything this program would compute otherwise than transformers
// does: another family, activation or RoPE, quantised weights, a value of the wrong type or out of range, and
// a missing key whose default is not the same in all families.
ModelConfig read_model_config(const std::filesystem::path& config_json);

}  // namespace kvcompare
