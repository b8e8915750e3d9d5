// The control groups (Linux) that this process is in: what containers and batch systems set limits with.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace kvcompare {

// Folders of the groups that hold the controller's files, from the process's own group upwards to the root of
// what is mounted: a limit of any of them holds. Version 1 and version 2; both where both are mounted.
//   controller : "cpu", "pids"
//   root       : where /proc and /sys are looked for
std::vector<std::filesystem::path> cgroups_of_this_process(const std::string& controller,
                                                           const std::filesystem::path& root = "/");

}  // namespace kvcompare
