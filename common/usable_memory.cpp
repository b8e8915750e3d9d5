#include "common/usable_memory.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>

#include "common/cgroup.h"

namespace kvcompare {
namespace {

namespace fs = std::filesystem;

// Version 1 writes "no limit" as the largest number of pages.
constexpr std::int64_t kNoLimit = std::int64_t{1} << 60;
constexpr std::int64_t kKibibyte = 1024;

// Absent if the file is not there, or says "max".
std::optional<std::int64_t> bytes_in(const fs::path& file) {
  std::int64_t number = 0;
  std::ifstream stream(file);
  return stream >> number ? std::optional(number) : std::nullopt;
}

// The number behind a key that begins a line, as in memory.stat and /proc/meminfo.
std::optional<std::int64_t> value_in(const fs::path& file, const std::string& key) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name;
    std::int64_t value = 0;
    if (words >> name >> value && name == key) return value;
  }
  return std::nullopt;
}

// Names of the files of one version of control groups.
struct Files {
  const char* limit;
  const char* usage;
  const char* reclaimable;  // key in memory.stat
};
constexpr std::array kFiles{Files{"memory.max", "memory.current", "inactive_file"},
                            Files{"memory.high", "memory.current", "inactive_file"},
                            Files{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"}};

std::optional<MemoryLimit> limit_of(const fs::path& group, const Files& files) {
  const auto limit = bytes_in(group / files.limit);
  if (!limit || *limit < 0 || *limit >= kNoLimit) return std::nullopt;
  const auto usage = bytes_in(group / files.usage).value_or(0);
  const auto reclaimable = value_in(group / "memory.stat", files.reclaimable).value_or(0);
  return MemoryLimit{*limit, std::max<std::int64_t>(usage - reclaimable, 0), files.limit, group};
}

}  // namespace

std::optional<MemoryLimit> memory_limit(const fs::path& root) {
  std::optional<MemoryLimit> tightest;
  for (const auto& group : cgroups_of_this_process("memory", root))
    for (const auto& files : kFiles)
      if (auto limit = limit_of(group, files);
          limit && (!tightest || limit->free_bytes() < tightest->free_bytes()))
        tightest = std::move(limit);
  return tightest;
}

MachineMemory machine_memory(const fs::path& root) {
  const auto file = root / "proc/meminfo";
  return {value_in(file, "MemTotal:").value_or(0) * kKibibyte,
          value_in(file, "MemAvailable:").value_or(0) * kKibibyte};
}

UsableMemory usable_memory(const fs::path& root) {
  const auto available = machine_memory(root).available_bytes;
  if (const auto limit = memory_limit(root); limit && limit->free_bytes() < available)
    return {limit->free_bytes(), "cgroup " + limit->file};
  return {available, "available"};
}

}  // namespace kvcompare
