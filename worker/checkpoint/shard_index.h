// Which tensor lies in which shard: model.safetensors.index.json.
#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace kvcompare {

struct ShardIndex {
  std::map<std::string, std::string> shard_of;  // tensor name -> file name, without folders
};

// Throws CheckpointError if the file is no index or names a file outside its folder.
ShardIndex read_shard_index(const std::filesystem::path& path);

}  // namespace kvcompare
