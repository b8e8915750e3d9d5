// Notices that the bytes of a mapped file have changed, or are not there any more.
//
// A mapping shows what is done to its file. If somebody cuts the file, or its disk fails, the system answers
// the next access with SIGBUS, in the middle of whatever computes, where no exception can be thrown. So the
// process ends there: with the exit code of a bad input, and a message that names file and part. What the
// journal holds is safe. Other changes show in the size of the file and in the time of its last change.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <sys/stat.h>

namespace kvcompare {

// Bytes [begin, end) of a file, and what messages call them.
struct NamedPart {
  std::string name;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

// Watches a mapping while the object lives. From the first one on the process handles SIGBUS. A SIGBUS that
// comes from no watched mapping ends the process as it would without the handler.
class WatchedMapping {
 public:
  // bytes  : the mapping, which begins at the first byte of the file; it outlives the object
  // status : of the file when it was mapped
  WatchedMapping(std::span<const char> bytes, std::filesystem::path file, const struct ::stat& status);
  ~WatchedMapping();
  WatchedMapping(const WatchedMapping&) = delete;
  WatchedMapping& operator=(const WatchedMapping&) = delete;

  // Lets messages name a part of the file. To be called once at most.
  void name_parts(const std::vector<NamedPart>& parts);

  // Throws CheckpointError if the file has another size or another time of change than at the beginning. A
  // file that was removed or replaced has not changed: the mapping keeps it.
  void check_unchanged() const;

 private:
  struct Messages;
  struct Slot;
  friend class WatchedMappings;

  std::filesystem::path file_;
  struct ::stat status_;
  Slot* slot_;
};

// Throws CheckpointError if a file that is mapped and watched has changed. To be called before numbers count
// that were computed from mapped files. Any thread.
void check_mapped_files_unchanged();

}  // namespace kvcompare
