#include "common/files/directory_lock.h"

#include <array>
#include <cerrno>
#include <ctime>
#include <string>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/errors.h"
#include "common/files/atomic_file.h"
#include "common/host_name.h"
#include "common/path_on_disk.h"

namespace kvcompare {
namespace {

std::string reason(int error) { return std::generic_category().message(error); }

std::string this_run() {
  return "host " + host_name() + ", process " + std::to_string(::getpid()) + ", started " +
         std::to_string(std::time(nullptr)) + " (seconds since 1970)\n";
}

// A link could lead to a file of somebody else, which the text of the lock would replace.
int open_lock(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
  const int error = errno;
  struct stat status {};
  const bool is_there = ::lstat(path.c_str(), &status) == 0;
  if (is_there && !S_ISREG(status.st_mode)) {
    if (descriptor >= 0) ::close(descriptor);
    const auto kind =
        S_ISLNK(status.st_mode) ? "a symbolic link" : kind_of_irregular_file(path).value_or("something else");
    throw OutputError(path.string(), "is " + std::string(kind) +
                                         ", but kvcompare writes a file of its own there; remove it, or "
                                         "choose another --output_dir");
  }
  if (descriptor < 0) throw OutputError(path.string(), "cannot be written: " + reason(error));
  return descriptor;
}

// Returns 0, or the error number.
int lock(int descriptor, std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    if (error != EWOULDBLOCK || std::chrono::steady_clock::now() >= deadline) return error;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return 0;
}

std::string owner_of(int descriptor) {
  std::array<char, 512> text{};
  const auto n = ::pread(descriptor, text.data(), text.size() - 1, 0);
  std::string owner(text.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  while (owner.ends_with('\n')) owner.pop_back();
  return owner.empty() ? "a run that has not said who it is" : owner;
}

}  // namespace

DirectoryLock::DirectoryLock(const std::filesystem::path& folder, std::chrono::milliseconds patience) {
  make_folders(folder);
  const auto path = folder / "LOCK";
  descriptor_ = open_lock(path);
  if (const int lock_error = lock(descriptor_, patience); lock_error != 0) {
    const bool is_held = lock_error == EWOULDBLOCK;
    const auto problem = is_held ? owner_of(descriptor_) : reason(lock_error);
    ::close(descriptor_);
    if (is_held) throw DirectoryInUse(folder.string(), problem);
    throw OutputError(path.string(), "cannot be locked: " + problem);
  }
  const auto text = this_run();
  if (::ftruncate(descriptor_, 0) != 0 ||
      ::write(descriptor_, text.data(), text.size()) != std::ssize(text)) {
    const auto problem = reason(errno);
    ::close(descriptor_);
    throw OutputError(path.string(), "cannot be written: " + problem);
  }
}

void refuse_locked(const std::filesystem::path& folder) {
  const auto path = folder / "LOCK";
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return;  // nobody has locked it yet
  const bool is_held = lock(descriptor, {}) == EWOULDBLOCK;
  const auto owner = is_held ? owner_of(descriptor) : std::string();
  ::close(descriptor);
  if (is_held) throw DirectoryInUse(folder.string(), owner);
}

DirectoryLock::~DirectoryLock() { ::close(descriptor_); }

}  // namespace kvcompare
