// Writes a .safetensors file.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

namespace kvcompare {

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;  // any device, any floating-point dtype

using SafetensorsMetadata = std::map<std::string, std::string>;

// What the file holds: the tensors in the order given, each in its own dtype, row-major; metadata {"format":
// "pt"}, which transformers asks for, and more if it is given. The same tensors give the same bytes.
std::string safetensors_bytes(const NamedTensors& tensors, const SafetensorsMetadata& more = {});

// The file is there whole or not at all (write_file_atomically). Throws OutputError.
void write_safetensors(const std::filesystem::path& path, const NamedTensors& tensors,
                       const SafetensorsMetadata& more = {});

}  // namespace kvcompare
