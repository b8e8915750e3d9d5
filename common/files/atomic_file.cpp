#include "common/files/atomic_file.h"

#include <cerrno>
#include <cstring>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "common/errors.h"

namespace kvcompare {

namespace fs = std::filesystem;

namespace {
std::string last_error() { return std::strerror(errno); }
}  // namespace

// An open file under a temporary name. The file is removed with the object, unless it was renamed.
class StagedFiles::File {
 public:
  explicit File(const fs::path& target) : target_(target) {
    for (int attempt = 0; descriptor_ < 0; ++attempt) {
      path_ = target;
      path_.replace_filename("." + target.filename().string() + ".tmp." + std::to_string(::getpid()) + "." +
                             std::to_string(attempt));
      descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      if (descriptor_ < 0 && errno != EEXIST) fail("cannot create a file in this folder: " + last_error());
    }
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!renamed_) ::unlink(path_.c_str());
  }

  void write(std::string_view contents) {
    std::size_t n_written = 0;
    while (n_written < contents.size()) {
      const ssize_t n = ::write(descriptor_, contents.data() + n_written, contents.size() - n_written);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0)
        fail("wrote " + std::to_string(n_written) + " of " + std::to_string(contents.size()) +
             " bytes: " + last_error());
      n_written += static_cast<std::size_t>(n);
    }
  }

  const fs::path& path() const { return path_; }
  fs::path folder() const { return target_.parent_path(); }

  void sync_and_close() {
    if (::fsync(descriptor_) != 0) fail("cannot sync to the disk: " + last_error());
    const int status = ::close(descriptor_);
    descriptor_ = -1;
    if (status != 0) fail("cannot close: " + last_error());
  }

  void rename_to_target() {
    if (::rename(path_.c_str(), target_.c_str()) != 0)
      fail("cannot rename " + path_.string() + ": " + last_error());
    renamed_ = true;
  }

 private:
  [[noreturn]] void fail(const std::string& problem) const { throw OutputError(target_.string(), problem); }

  fs::path target_;
  fs::path path_;
  int descriptor_ = -1;
  bool renamed_ = false;
};

void sync_folder(const fs::path& path) {
  const fs::path folder = path.empty() ? "." : path;
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) throw OutputError(folder.string(), "cannot open the folder: " + last_error());
  const int status = ::fsync(descriptor);
  const int error = errno;
  ::close(descriptor);
  // Some network file systems cannot sync a folder. There a rename is as durable as it can be.
  if (status != 0 && error != EINVAL && error != ENOTSUP)
    throw OutputError(folder.string(), std::string("cannot sync the folder: ") + std::strerror(error));
}

void make_folders(const fs::path& path) {
  std::error_code error;
  const fs::path folder = fs::absolute(path, error).lexically_normal();
  std::vector<fs::path> to_sync;  // folders that get a new entry
  for (fs::path one = folder; !error && !one.empty() && !fs::exists(one, error); one = one.parent_path())
    to_sync.push_back(one.parent_path());
  fs::create_directories(path, error);
  if (error) throw OutputError(path.string(), "cannot be made a folder: " + error.message());
  for (const auto& one : to_sync)
    if (::access(one.c_str(), R_OK) == 0) sync_folder(one);
}

void sync_file(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw OutputError(path.string(), "cannot be opened: " + last_error());
  const int status = ::fsync(descriptor);
  const auto problem = last_error();
  ::close(descriptor);
  if (status != 0) throw OutputError(path.string(), "cannot sync to the disk: " + problem);
}

namespace {

// The path that is really written: the target of a link. Refuses a target that a rename would wrongly replace
// (a folder, a device).
fs::path resolve_target(const fs::path& path) {
  if (!path.has_filename()) throw OutputError(path.string(), "names a folder; give a file");
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::exists(status) && !fs::is_regular_file(status))
    throw OutputError(path.string(), "is there and is no regular file; give another path");
  if (!fs::is_symlink(fs::symlink_status(path, error))) return path;
  const fs::path target = fs::weakly_canonical(path, error);
  return error ? path : target;
}

}  // namespace

void write_file_atomically(const fs::path& path, std::string_view contents) {
  const fs::path target = resolve_target(path);
  StagedFiles staged(target.parent_path());
  staged.write(target.filename(), contents);
  staged.sync();
  staged.publish();
}

StagedFiles::StagedFiles(fs::path folder) : folder_(std::move(folder)) {}

StagedFiles::~StagedFiles() = default;

fs::path StagedFiles::add(const std::string& name) {
  files_.push_back(std::make_unique<File>(resolve_target(folder_ / name)));
  return files_.back()->path();
}

void StagedFiles::write(const std::string& name, std::string_view contents) {
  add(name);
  files_.back()->write(contents);
}

void StagedFiles::sync() {
  for (const auto& file : files_) file->sync_and_close();
}

void StagedFiles::publish() {
  std::set<fs::path> folders;  // differs from folder_ where a symbolic link leads to another folder
  for (const auto& file : files_) {
    file->rename_to_target();
    folders.insert(file->folder());
  }
  for (const auto& folder : folders) sync_folder(folder);
}

}  // namespace kvcompare
