#include "worker/checkpoint/file_reader.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <future>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "common/errors.h"

namespace kvcompare {
namespace {

constexpr std::size_t kMostThreads = 8;  // one gets some 2 GB/s out of the page cache
constexpr std::size_t kBytesOfThread = std::size_t{1} << 20;

void read_part(int descriptor, const std::filesystem::path& path, std::uint64_t offset,
               std::span<std::byte> target) {
  while (!target.empty()) {
    const auto n = ::pread(descriptor, target.data(), target.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      throw CheckpointError(path.string(), "", std::string("cannot be read: ") + std::strerror(errno));
    if (n == 0)
      throw CheckpointError(path.string(), "",
                            "ends at byte " + std::to_string(offset) +
                                ", before its last tensor does: it is being written, or was cut off");
    offset += static_cast<std::uint64_t>(n);
    target = target.subspan(static_cast<std::size_t>(n));
  }
}

}  // namespace

FileReader::FileReader(const std::filesystem::path& path)
    : path_(path), descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (descriptor_ < 0)
    throw CheckpointError(path.string(), "", std::string("cannot be opened: ") + std::strerror(errno));
}

FileReader::~FileReader() { ::close(descriptor_); }  // read-only: nothing is lost if it fails

void FileReader::read(std::uint64_t offset, std::span<std::byte> target) const {
  const auto n_threads = std::clamp<std::size_t>(target.size() / kBytesOfThread, 1, kMostThreads);
  const auto part = (target.size() + n_threads - 1) / n_threads;
  std::vector<std::future<void>> others;
  for (std::size_t begin = part; begin < target.size(); begin += part)
    others.push_back(std::async(std::launch::async, [=, this] {
      read_part(descriptor_, path_, offset + begin,
                target.subspan(begin, std::min(part, target.size() - begin)));
    }));
  read_part(descriptor_, path_, offset, target.first(std::min(part, target.size())));
  for (auto& other : others) other.get();
}

}  // namespace kvcompare
