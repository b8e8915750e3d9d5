#include "worker/checkpoint/checkpoint_files.h"

#include <algorithm>
#include <utility>

#include "common/errors.h"
#include "common/files/sha256.h"
#include "common/path_on_disk.h"
#include "worker/checkpoint/shard_index.h"

namespace kvcompare {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSingleFile = "model.safetensors";
constexpr const char* kIndexFile = "model.safetensors.index.json";

// As transformers has written larger models over the years. Empty: of another part.
std::string name_in_language_model(const std::string& name) {
  for (const std::string other :
       {"vision_tower.", "multi_modal_projector.", "model.vision_tower.", "model.multi_modal_projector."})
    if (name.starts_with(other)) return "";
  for (const auto& [prefix, own] :
       {std::pair<std::string, std::string>{"model.language_model.", "model."}, {"language_model.", ""}})
    if (name.starts_with(prefix)) return own + name.substr(prefix.size());
  return name;
}

[[noreturn]] void no_weights(const fs::path& folder) {
  std::vector<std::string> other;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    const std::string extension = entry.path().extension().string();
    if (extension == ".bin" || extension == ".pth" || extension == ".pt" || extension == ".gguf" ||
        extension == ".safetensors")
      other.push_back(name);
  }
  std::sort(other.begin(), other.end());
  std::string problem = std::string("there is no ") + kSingleFile + " and no " + kIndexFile;
  if (!other.empty()) {
    problem += "; other weights are there, such as " + other.front();
    if (other.front().starts_with("adapter_model"))
      problem += ": merge the adapter into its base model first";
    else if (!other.front().ends_with(".safetensors"))
      problem += ": convert them to safetensors first (in Python: model.save_pretrained(folder))";
  }
  throw CheckpointError(folder.string(), "", problem);
}

}  // namespace

CheckpointFiles::CheckpointFiles(const fs::path& folder) {
  const bool single = can_be_seen(folder / kSingleFile);
  const bool sharded = can_be_seen(folder / kIndexFile);
  if (single && sharded)
    throw CheckpointError(folder.string(), "",
                          std::string("holds both ") + kSingleFile + " and " + kIndexFile +
                              ": remove the one that is out of date");
  if (!single && !sharded) no_weights(folder);
  list_path_ = folder / (single ? kSingleFile : kIndexFile);
  if (sharded) {
    open_shards(folder);
    return;
  }
  files_.emplace_back(list_path_);
  for (const SafetensorsEntry& entry : files_.front().entries()) file_of_.emplace(entry.name, 0);
}

void CheckpointFiles::open_shards(const fs::path& folder) {
  const ShardIndex index = read_shard_index(list_path_);
  std::map<std::string, std::size_t> opened;  // shard name -> index into files_
  for (const auto& [name, shard] : index.shard_of) {
    if (!opened.contains(shard)) {
      if (!can_be_seen(folder / shard))
        throw CheckpointError(list_path_.string(), name, "is in " + shard + ", which is not there");
      opened.emplace(shard, files_.size());
      files_.emplace_back(folder / shard);
    }
    const std::size_t file = opened.at(shard);
    if (files_[file].find(name) == nullptr)
      throw CheckpointError((folder / shard).string(), name,
                            std::string("is not there, but ") + kIndexFile + " says so");
    file_of_.emplace(name, file);
  }
  for (const auto& [shard, file] : opened)
    for (const SafetensorsEntry& entry : files_[file].entries()) {
      const auto listed = index.shard_of.find(entry.name);
      if (listed == index.shard_of.end())
        throw CheckpointError((folder / shard).string(), entry.name,
                              std::string("is not listed in ") + kIndexFile);
      if (listed->second != shard)
        throw CheckpointError((folder / shard).string(), entry.name, "is also in " + listed->second);
    }
}

std::vector<std::filesystem::path> CheckpointFiles::paths() const {
  std::vector<std::filesystem::path> paths;
  for (const auto& file : files_) paths.push_back(file.path());
  std::ranges::sort(paths);
  return paths;
}

std::vector<std::string> CheckpointFiles::names() const {
  std::vector<std::string> names;
  names.reserve(file_of_.size());
  for (const auto& [name, file] : file_of_) names.push_back(name);
  return names;
}

const SafetensorsFile* CheckpointFiles::find(const std::string& name) const {
  const auto found = file_of_.find(name);
  return found == file_of_.end() ? nullptr : &files_[found->second];
}

void CheckpointFiles::show_language_model() {
  std::map<std::string, std::size_t> shown;
  for (const auto& [name, file] : file_of_) {
    const auto own = name_in_language_model(name);
    if (own.empty()) continue;
    if (own != name) files_[file].add_name(own, name);
    if (!shown.emplace(own, file).second)
      throw CheckpointError(list_path_.string(), name,
                            "is the same tensor as another one, which has another prefix: '" + own +
                                "' is in the checkpoint twice");
  }
  file_of_ = std::move(shown);
}

std::string CheckpointFiles::layout_hash() const {
  Sha256 hash;
  for (const auto& [name, file] : file_of_) {
    const auto* entry = files_[file].find(name);
    hash.add(name + " " + entry->dtype + " " + files_[file].path().filename().string());
    for (const auto size : entry->shape) hash.add(" " + std::to_string(size));
    hash.add("\n");
  }
  return hash.hex();
}

void CheckpointFiles::drop_pages() const {
  for (const SafetensorsFile& file : files_) file.drop_pages();
}

}  // namespace kvcompare
