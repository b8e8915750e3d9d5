#include "launch/commands/doctor_output_folder.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <exception>
#include <iterator>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/errors.h"
#include "common/files/atomic_file.h"
#include "common/files/directory_lock.h"

namespace kvcompare::doctor {
namespace {

namespace fs = std::filesystem;

std::string file_system_name(const fs::path& folder) {
  struct statfs info = {};
  if (::statfs(folder.c_str(), &info) != 0) return "an unknown file system";
  constexpr std::array<std::pair<long, const char*>, 9> kNames{{{0xEF53, "ext4"},
                                                                {0x58465342, "XFS"},
                                                                {0x9123683E, "Btrfs"},
                                                                {0x01021994, "tmpfs: gone after a restart"},
                                                                {0x794C7630, "overlayfs"},
                                                                {0x6969, "NFS"},
                                                                {0x0BD00BD0, "Lustre"},
                                                                {0x47504653, "GPFS"},
                                                                {0x2FC12FC1, "ZFS"}}};
  const auto type = static_cast<long>(info.f_type);
  const auto* found = std::ranges::find(kNames, type, &std::pair<long, const char*>::first);
  std::ostringstream hexadecimal;
  hexadecimal << "file system 0x" << std::hex << type;
  return found == kNames.end() ? hexadecimal.str() : found->second;
}

// Median of a few, as the journal does it.
double milliseconds_of_sync(const fs::path& folder) {
  const auto file = folder / ".kvcompare-doctor";
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor < 0) throw OutputError(file.string(), std::strerror(errno));
  std::array<double, 9> times{};
  bool is_good = true;
  for (auto& time : times) {
    const auto begun = std::chrono::steady_clock::now();
    const std::string record(1000, 'x');
    is_good = is_good && ::write(descriptor, record.data(), record.size()) == std::ssize(record) &&
              ::fdatasync(descriptor) == 0;
    time = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count();
  }
  const std::string problem = std::strerror(errno);
  ::close(descriptor);
  ::unlink(file.c_str());
  if (!is_good) throw OutputError(file.string(), problem);
  std::ranges::sort(times);
  return times[times.size() / 2];
}

}  // namespace

Finding output_folder(const fs::path& folder) {
  std::error_code unknown;
  const bool was_there = fs::exists(folder, unknown) || unknown;
  try {
    std::string text;
    {
      const DirectoryLock lock(folder);
      const auto sync = milliseconds_of_sync(folder);
      const auto space = fs::space(folder).available;
      write_file_atomically(folder / ".kvcompare-doctor", "x");
      text = folder.string() + ": " + file_system_name(folder) + ", " +
             gigabytes(static_cast<double>(space)) + " free, locks, syncs a record in " + decimal(sync, 2) +
             " ms";
    }
    fs::remove(folder / ".kvcompare-doctor");
    if (!was_there) {
      fs::remove(folder / "LOCK");
      fs::remove(folder);
    }
    return {"output folder", Health::kGood, text, ""};
  } catch (const std::exception& error) {
    return {"output folder", Health::kBad, error.what(), "choose another --output_dir"};
  }
}

}  // namespace kvcompare::doctor
