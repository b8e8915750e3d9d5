// One writer per output directory.
#pragma once

#include <chrono>
#include <filesystem>

namespace kvcompare {

// Holds FOLDER/LOCK, a file that names host, process and start time of the run that writes into the folder.
// The lock (flock) ends with the object or the process, however that dies; the file stays.
class DirectoryLock {
 public:
  // Makes the folder if it is not there. Throws OutputError if that, or writing into it, is impossible, and
  // DirectoryInUse naming the other run if there is one.
  // patience: how long to wait for a run that is just ending.
  explicit DirectoryLock(const std::filesystem::path& folder, std::chrono::milliseconds patience = {});
  ~DirectoryLock();
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  int descriptor_;
};

}  // namespace kvcompare
