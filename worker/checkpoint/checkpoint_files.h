// The .safetensors files of a checkpoint folder, as one set of tensors.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "worker/checkpoint/safetensors.h"

namespace kvcompare {

class CheckpointFiles {
 public:
  // Opens model.safetensors, or the shards that model.safetensors.index.json names. Throws CheckpointError if
  // there is neither, or both, a file is damaged, or index and shards do not agree.
  explicit CheckpointFiles(const std::filesystem::path& folder);

  const std::filesystem::path& list_path() const {
    return list_path_;
  }                                                  // the file that says which tensors there are
  std::vector<std::string> names() const;            // ascending
  std::vector<std::filesystem::path> paths() const;  // of the files, in a fixed order
  const SafetensorsFile* find(
      const std::string& name) const;  // the file that holds it; null if there is none

  // Of a larger model, of which the language model alone is wanted: from now on its tensors have the names
  // that they have in a checkpoint of its own, and those of the parts for images are not there.
  void show_language_model();

  // SHA-256 over names, dtypes and shapes of the tensors, and which files hold them: of headers alone.
  std::string layout_hash() const;

  // Gives the memory back that pages of the files take in this process; they are read again where needed.
  void drop_pages() const;

 private:
  void open_shards(const std::filesystem::path& folder);

  std::filesystem::path list_path_;
  std::vector<SafetensorsFile> files_;
  std::map<std::string, std::size_t> file_of_;  // index into files_
};

}  // namespace kvcompare
