#include "worker/checkpoint/model_hash.h"

#include <future>
#include <utility>
#include <vector>

#include "common/files/sha256.h"
#include "worker/checkpoint/checkpoint_files.h"

namespace kvcompare {

std::string model_hash(const std::filesystem::path& folder, const std::stop_token& stop) {
  std::vector<std::pair<std::string, std::future<std::string>>> hashes;
  const auto begin = [&](const std::filesystem::path& file) {
    hashes.emplace_back(file.filename(), std::async(std::launch::async, sha256_of_file, file, stop));
  };
  begin(folder / "config.json");
  for (const auto& file : CheckpointFiles(folder).paths()) begin(file);
  Sha256 all;
  for (auto& [name, hash] : hashes) all.add(name + " " + hash.get() + "\n");
  return all.hex();
}

}  // namespace kvcompare
