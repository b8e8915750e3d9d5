// Writes files so that each is either complete or absent, even after a crash of the machine.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace kvcompare {

// Replaces the file at `path` by `contents`. It writes a temporary file in the same folder, syncs it, renames
// it, and syncs the folder. A reader sees either the old file or the new one. A symbolic link is followed.
// Throws OutputError. In this case no temporary file is left, and the old file is unchanged, unless the very
// last step, the syncing of the folder, failed.
void write_file_atomically(const std::filesystem::path& path, std::string_view contents);

// Makes the folder, and those around it, unless it is there already. Syncs the folders that got a new entry,
// as far as they may be read: otherwise a crash of the machine could take the folder away with all that was
// synced in it. Throws OutputError.
void make_folders(const std::filesystem::path& path);

// Makes sure that what was done in the folder (files made, renamed, removed) is on the disk. Throws
// OutputError.
void sync_folder(const std::filesystem::path& path);

// The same for the bytes of a file that somebody else has written.
void sync_file(const std::filesystem::path& path);

// Several files of one folder. All are written before the first old file is replaced, so an error while
// writing leaves all old files as they were. Throws OutputError.
class StagedFiles {
 public:
  explicit StagedFiles(std::filesystem::path folder);
  ~StagedFiles();  // removes the files that were not published

  void write(const std::string& name, std::string_view contents);

  // Creates an empty file for the caller to fill, and returns its temporary path.
  std::filesystem::path add(const std::string& name);

  void sync();     // syncs all files
  void publish();  // puts the files in place, in the order they were added

 private:
  class File;
  std::filesystem::path folder_;
  std::vector<std::unique_ptr<File>> files_;
};

}  // namespace kvcompare
