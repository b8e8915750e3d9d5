// Lets only one process write into an output folder.
#pragma once

#include <chrono>
#include <filesystem>

namespace kvcompare {

// How long a run that goes on waits for the lock: when mpirun was killed, its processes live on for a second.
inline constexpr std::chrono::seconds kPatienceWhenResumed{5};

// Holds FOLDER/LOCK, a file that names host, process and start time of the run that writes into the folder.
// The lock (flock) ends with the object or the process, however the process dies. The file stays.
class DirectoryLock {
 public:
  // Makes the folder if it does not exist. Throws OutputError if the folder cannot be made or written to, and
  // DirectoryInUse, naming the other run, if another run holds the lock.
  //   patience : how long to wait for a run that is just ending
  explicit DirectoryLock(const std::filesystem::path& folder, std::chrono::milliseconds patience = {});
  ~DirectoryLock();
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  int descriptor_;
};

// Throws DirectoryInUse, naming the run, if a run holds the lock of the folder. Makes nothing, and holds
// nothing afterwards.
void refuse_locked(const std::filesystem::path& folder);

}  // namespace kvcompare
