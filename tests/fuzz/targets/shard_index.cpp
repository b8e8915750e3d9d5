// model.safetensors.index.json.
#include "worker/checkpoint/shard_index.h"

#include "tests/fuzz/fuzzed_input.h"
#include "tests/fuzz/refusal.h"
#include "tests/fuzz/targets.h"

namespace kvcompare::fuzz {

void shard_index(std::string_view input) {
  static const InputFolder folder;
  const auto file = folder.write("model.safetensors.index.json", input);
  ShardIndex index;
  if (!is_accepted([&] { index = read_shard_index(file); }, ExitCode::kBadInput, file.string())) return;
  for (const auto& [name, shard] : index.shard_of)
    expect(shard.find('/') == std::string::npos, "a shard outside of the folder: " + shard);
}

}  // namespace kvcompare::fuzz
