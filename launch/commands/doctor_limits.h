// What kvcompare doctor tells of the limits under which a process stands here, and of what the program
// chooses within them. root: where /proc and /sys are looked for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "launch/commands/doctor_findings.h"

namespace kvcompare::doctor {

// Affinity, and the quotas of control groups.
Finding cpu_limits(const std::filesystem::path& root = "/");

// Of the machine, and the limits of control groups.
Finding memory(const std::filesystem::path& root = "/");

Finding huge_pages(const std::filesystem::path& root = "/");
Finding numa_nodes(const std::filesystem::path& root = "/");

// What `ulimit` sets; absent: unlimited.
struct ResourceLimits {
  std::optional<std::uint64_t> n_files;
  std::optional<std::uint64_t> n_processes;
  std::optional<std::uint64_t> file_bytes;
  std::optional<std::uint64_t> address_bytes;
  std::optional<std::uint64_t> locked_bytes;
  std::optional<std::uint64_t> stack_bytes;
};
ResourceLimits resource_limits();
Finding limits(const ResourceLimits& limits);

// --threads where the flag is not given: how many, and who says so.
struct DefaultThreads {
  int n = 1;
  std::string from;
};
Finding defaults(const DefaultThreads& threads, const std::filesystem::path& root = "/");

}  // namespace kvcompare::doctor
