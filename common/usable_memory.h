// How much memory a process may use, and who says so.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace kvcompare {

// What `docker run --memory`, Kubernetes' limits and Slurm's --mem set.
struct MemoryLimit {
  std::int64_t bytes = 0;
  std::int64_t used_bytes =
      0;             // by all processes of the group, without file pages that the kernel gives up first
  std::string file;  // "memory.max", "memory.high" (version 2), "memory.limit_in_bytes" (version 1)
  std::filesystem::path group;  // that has it

  std::int64_t free_bytes() const { return bytes > used_bytes ? bytes - used_bytes : 0; }
};

// Of this process's group and all groups around it, the one that leaves least. root: as
// cgroups_of_this_process.
std::optional<MemoryLimit> memory_limit(const std::filesystem::path& root = "/");

struct MachineMemory {
  std::int64_t total_bytes = 0;
  std::int64_t available_bytes = 0;  // without swapping, as /proc/meminfo says
};

// Zeros if the system does not say.
MachineMemory machine_memory(const std::filesystem::path& root = "/");

struct UsableMemory {
  std::int64_t bytes = 0;
  std::string from;  // "available", "cgroup memory.max"
};

// The lesser of what the machine has available and what the groups leave.
UsableMemory usable_memory(const std::filesystem::path& root = "/");

}  // namespace kvcompare
