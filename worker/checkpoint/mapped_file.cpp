#include "worker/checkpoint/mapped_file.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/errors.h"
#include "common/path_on_disk.h"

namespace kvcompare {
namespace {

class FileDescriptor {
 public:
  explicit FileDescriptor(const std::filesystem::path& path)
      : fd_(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)) {  // does not wait at a pipe
    if (fd_ < 0)
      throw CheckpointError(path.string(), "", std::string("cannot be opened: ") + std::strerror(errno));
  }
  ~FileDescriptor() { ::close(fd_); }  // read-only: nothing is lost if it fails
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int value() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) {
  const FileDescriptor file(path);
  struct stat status {};
  if (::fstat(file.value(), &status) != 0)
    throw CheckpointError(path.string(), "", std::string("cannot be read: ") + std::strerror(errno));
  if (!S_ISREG(status.st_mode))
    throw CheckpointError(path.string(), "",
                          "is " + kind_of_irregular_file(path).value_or("no regular file") + ", not a file");
  size_ = static_cast<std::size_t>(status.st_size);
  if (size_ == 0) return;  // a mapping of no bytes is refused by the system
  void* address = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.value(), 0);
  if (address == MAP_FAILED)
    throw CheckpointError(path.string(), "",
                          std::string("cannot be mapped into memory: ") + std::strerror(errno));
  data_ = static_cast<const char*>(address);
  watch_.emplace(bytes(), path, status);
}

MappedFile::~MappedFile() {
  watch_.reset();
  if (size_ > 0) ::munmap(const_cast<char*>(data_), size_);
}

void MappedFile::name_parts(const std::vector<NamedPart>& parts) {
  if (watch_) watch_->name_parts(parts);
}

void MappedFile::drop_pages() const {
  if (size_ > 0)
    ::madvise(const_cast<char*>(data_), size_, MADV_DONTNEED);  // a hint: failing costs memory only
}

}  // namespace kvcompare
