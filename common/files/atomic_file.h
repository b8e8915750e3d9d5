// Files that are there whole or not at all, also after a crash of the machine.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace kvcompare {

// Replaces the file at `path` by `contents`: a temporary file in the same folder is written, synced, renamed,
// and the folder synced. Readers see the old file or the new one. A symbolic link is followed.
// Throws OutputError; no temporary file is left then, and the old file is as it was unless the very last
// step, the syncing of the folder, failed.
void write_file_atomically(const std::filesystem::path& path, std::string_view contents);

// Several files of one folder that are written first and replaced then: what stops the writing leaves the old
// ones as they were. Throws OutputError.
class StagedFiles {
 public:
  explicit StagedFiles(std::filesystem::path folder);
  ~StagedFiles();  // removes what was not published

  void write(const std::string& name, std::string_view contents);

  // An empty file for the caller to fill.
  std::filesystem::path add(const std::string& name);

  void sync();     // all of them
  void publish();  // puts them in place, in the order they were added

 private:
  class File;
  std::filesystem::path folder_;
  std::vector<std::unique_ptr<File>> files_;
};

}  // namespace kvcompare
