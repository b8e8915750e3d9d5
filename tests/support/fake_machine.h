// A machine whose /proc and /sys are files that a test writes.
#pragma once

#include <filesystem>
#include <string>

#include "tests/support/temporary_folder.h"

namespace kvcompare {

// A line of /proc/self/mountinfo: where control groups of version 2 are.
inline constexpr const char* kCgroup2 =
    "30 25 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

class FakeMachine {
 public:
  //   groups, mounts : the texts of /proc/self/cgroup and /proc/self/mountinfo
  FakeMachine(const std::string& groups, const std::string& mounts) {
    write("proc/self/cgroup", groups);
    write("proc/self/mountinfo", mounts);
  }
  void write(const std::string& name, const std::string& text) const { folder_.write(name, text); }
  std::filesystem::path root() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
};

}  // namespace kvcompare
