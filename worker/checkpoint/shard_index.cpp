#include "worker/checkpoint/shard_index.h"

#include "worker/checkpoint/json_object.h"

namespace kvcompare {

ShardIndex read_shard_index(const std::filesystem::path& path) {
  const JsonObject index = JsonObject::read_file(path);
  const JsonObject weight_map = index.object("weight_map");
  ShardIndex shards;
  for (const auto& [name, value] : weight_map.json().items()) {
    const std::string shard = weight_map.text(name);
    if (shard != std::filesystem::path(shard).filename() || !shard.ends_with(".safetensors"))
      weight_map.refuse(name,
                        "is in '" + shard + "'; expected the name of a .safetensors file in the same folder");
    shards.shard_of.emplace(name, shard);
  }
  if (shards.shard_of.empty()) index.refuse("weight_map", "names no tensor");
  return shards;
}

}  // namespace kvcompare
