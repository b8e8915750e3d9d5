// The header of a .safetensors file: which tensor lies where. Plain data, no torch.
// Source of the rules: github.com/huggingface/safetensors, README section "Format".
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kvcompare {

struct SafetensorsEntry {
  std::string name;
  std::string dtype;                // tag as stored: "F32", "BF16", "I64", ...
  std::vector<std::int64_t> shape;  // empty: a scalar
  std::uint64_t begin = 0;          // bytes [begin, end) of the data section
  std::uint64_t end = 0;
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;                     // ascending by begin
  std::map<std::string, std::string, std::less<>> metadata;  // of the key "__metadata__"
  std::uint64_t data_start = 0;                              // where the data section starts in the file
};

// Parses and checks the header of a whole file: tensors must fill the data section without holes or overlaps,
// sizes must follow from dtype and shape, names must be unique. `file_name` is for messages only. Throws
// CheckpointError naming the file and, where there is one, the tensor.
SafetensorsHeader parse_safetensors_header(std::span<const char> file_bytes, const std::string& file_name);

}  // namespace kvcompare
