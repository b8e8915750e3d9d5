// Reads the scorer of the kvzap method from its folder (config.json and safetensors).
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <ATen/core/Tensor.h>

#include "presses/methods/kvzap_surrogate.h"
#include "worker/model/decoder.h"

namespace kvcompare {

// kvzap_model_type: "mlp", "linear" or absent (what the scorer says).
// Throws CheckpointError if the scorer does not fit the model (input_dim, output_dim, n_modules) or its
// tensors are not as load_weights would have them; ConfigError("kvzap_model_type") if the scorer is of the
// other type.
KvzapSurrogate load_kvzap_surrogate(const std::filesystem::path& folder, const Decoder& model,
                                    const std::optional<std::string>& kvzap_model_type, at::ScalarType dtype,
                                    at::Device device);

// "mlp" or "linear", by config.json alone. Throws as load_kvzap_surrogate for what that file says.
std::string kvzap_model_type(const std::filesystem::path& folder, const Decoder& model,
                             const std::optional<std::string>& wanted);

// Writes config.json and model.safetensors (float32) as kvcompare and kvpress read them. Throws OutputError.
void save_kvzap_surrogate(const std::filesystem::path& folder, const KvzapSurrogate& surrogate);

}  // namespace kvcompare
