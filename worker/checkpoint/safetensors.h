// A .safetensors file, mapped into memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <ATen/core/Tensor.h>

#include "worker/checkpoint/safetensors_header.h"

namespace kvcompare {

class MappedFile;

// Throws CheckpointError(file, entry) if its dtype is no floating-point dtype of torch.
at::ScalarType stored_type(const SafetensorsEntry& entry, const std::string& file);

// Not to be changed on disk while any tensor of it is alive: see WatchedMapping.
class SafetensorsFile {
 public:
  // Throws CheckpointError if the file cannot be read or breaks a rule of the format.
  explicit SafetensorsFile(const std::filesystem::path& path);
  SafetensorsFile(SafetensorsFile&&) = default;
  SafetensorsFile& operator=(SafetensorsFile&&) = default;

  const std::filesystem::path& path() const { return path_; }
  const std::vector<SafetensorsEntry>& entries() const { return header_.entries; }  // in file order
  const SafetensorsEntry* find(std::string_view name) const;                        // null if there is none
  // Lets one of entries() be found by another name too.
  void add_name(const std::string& other, std::string_view name);
  const std::string* metadata(std::string_view key) const;  // likewise

  // The tensor as stored (float64, float32, float16 or bfloat16), on the CPU. A read-only view of the
  // mapping, which it keeps alive; a copy only where the data is not aligned for its dtype. Writing to it is
  // a segmentation fault. Throws CheckpointError if there is no such tensor or its dtype is no floating-point
  // dtype of torch.
  at::Tensor tensor(std::string_view name) const;

  // Where the bytes of one of entries() begin in the file.
  std::uint64_t offset(const SafetensorsEntry& entry) const { return header_.data_start + entry.begin; }

  void drop_pages() const;  // see CheckpointFiles

 private:
  std::filesystem::path path_;
  std::shared_ptr<const MappedFile> file_;  // shared with the tensors
  SafetensorsHeader header_;
  std::unordered_map<std::string_view, const SafetensorsEntry*> by_name_;   // into header_
  std::unordered_map<std::string, const SafetensorsEntry*> by_other_name_;  // likewise
};

}  // namespace kvcompare
