#include "worker/checkpoint/safetensors.h"

#include <cstring>
#include <optional>

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include "common/errors.h"
#include "worker/checkpoint/mapped_file.h"

namespace kvcompare {
namespace {

std::optional<at::ScalarType> floating_point_type(std::string_view tag) {
  if (tag == "F64") return at::kDouble;
  if (tag == "F32") return at::kFloat;
  if (tag == "F16") return at::kHalf;
  if (tag == "BF16") return at::kBFloat16;
  return std::nullopt;
}

std::vector<NamedPart> named_parts(const SafetensorsHeader& header) {
  std::vector<NamedPart> parts;
  parts.reserve(header.entries.size());
  for (const auto& entry : header.entries)
    parts.push_back({entry.name, header.data_start + entry.begin, header.data_start + entry.end});
  return parts;
}

}  // namespace

at::ScalarType stored_type(const SafetensorsEntry& entry, const std::string& file) {
  const auto type = floating_point_type(entry.dtype);
  if (!type)
    throw CheckpointError(file, entry.name,
                          "dtype " + entry.dtype + "; accepted: F64, F32, F16, BF16 (no quantised weights)");
  return *type;
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : path_(path) {
  const auto file = std::make_shared<MappedFile>(path);
  header_ = parse_safetensors_header(file->bytes(), path.string());
  file->name_parts(named_parts(header_));
  file_ = file;
  by_name_.reserve(header_.entries.size());
  for (const SafetensorsEntry& entry : header_.entries) by_name_.emplace(entry.name, &entry);
}

const SafetensorsEntry* SafetensorsFile::find(std::string_view name) const {
  if (const auto found = by_name_.find(name); found != by_name_.end()) return found->second;
  const auto other = by_other_name_.find(std::string(name));
  return other == by_other_name_.end() ? nullptr : other->second;
}

void SafetensorsFile::add_name(const std::string& other, std::string_view name) {
  by_other_name_.emplace(other, by_name_.at(name));
}

const std::string* SafetensorsFile::metadata(std::string_view key) const {
  const auto found = header_.metadata.find(key);
  return found == header_.metadata.end() ? nullptr : &found->second;
}

at::Tensor SafetensorsFile::tensor(std::string_view name) const {
  const SafetensorsEntry* entry = find(name);
  if (entry == nullptr) throw CheckpointError(path_.string(), std::string(name), "there is no such tensor");
  const auto type = stored_type(*entry, path_.string());

  const at::TensorOptions options = at::TensorOptions().dtype(type);
  if (entry->begin == entry->end) return at::empty(entry->shape, options);
  const char* data = file_->bytes().data() + header_.data_start + entry->begin;
  if (reinterpret_cast<std::uintptr_t>(data) % c10::elementSize(type) == 0)
    return at::from_blob(
        const_cast<char*>(data), entry->shape, [file = file_](void*) {}, options);
  at::Tensor copy = at::empty(entry->shape, options);
  std::memcpy(copy.mutable_data_ptr(), data, entry->end - entry->begin);
  return copy;
}

void SafetensorsFile::drop_pages() const { file_->drop_pages(); }

}  // namespace kvcompare
