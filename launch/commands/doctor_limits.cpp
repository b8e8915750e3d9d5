#include "launch/commands/doctor_limits.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>
#include <sstream>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/resource.h>

#include "common/plural.h"
#include "common/usable_cores.h"
#include "common/usable_memory.h"

namespace kvcompare::doctor {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kEnoughFiles = 256;  // shards of a model, Open MPI's sockets, libraries

std::string first_line(const fs::path& file) {
  std::ifstream stream(file);
  std::string line;
  std::getline(stream, line);
  return line;
}

// "0-2,5"
std::string ranges_of(const CoreMask& mask) {
  constexpr std::size_t kBits = 64;
  const auto has = [&](std::size_t core) { return (mask[core / kBits] >> (core % kBits) & 1) != 0; };
  std::string text;
  for (std::size_t core = 0; core < mask.size() * kBits; ++core) {
    if (!has(core)) continue;
    auto last = core;
    while (last + 1 < mask.size() * kBits && has(last + 1)) ++last;
    text += (text.empty() ? "" : ",") + std::to_string(core);
    if (last > core) text += "-" + std::to_string(last);
    core = last;
  }
  return text;
}

// Folders `prefix`0, `prefix`1, ... in the order of their numbers.
std::vector<std::pair<long, fs::path>> numbered_folders(const fs::path& folder, const std::string& prefix) {
  std::vector<std::pair<long, fs::path>> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const auto name = entry.path().filename().string();
    if (name.size() > prefix.size() && name.starts_with(prefix) &&
        std::isdigit(static_cast<unsigned char>(name[prefix.size()])))
      found.emplace_back(std::stol(name.substr(prefix.size())), entry.path());
  }
  std::ranges::sort(found);
  return found;
}

// "always [madvise] never": what stands in brackets.
std::string chosen_word(const std::string& line) {
  const auto begin = line.find('['), end = line.find(']');
  return begin == std::string::npos || end == std::string::npos ? ""
                                                                : line.substr(begin + 1, end - begin - 1);
}

// "Node 0 MemTotal:       24689356 kB"
std::int64_t bytes_of_node(const fs::path& node) {
  std::ifstream lines(node / "meminfo");
  for (std::string line; std::getline(lines, line);)
    if (const auto at = line.find("MemTotal:"); at != std::string::npos)
      return std::atoll(line.c_str() + at + std::string("MemTotal:").size()) * 1024;
  return 0;
}

std::string count_text(const std::optional<std::uint64_t>& limit) {
  return limit ? std::to_string(*limit) : "unlimited";
}

std::string bytes_text(const std::optional<std::uint64_t>& limit) {
  return limit ? decimal(static_cast<double>(*limit) / 1e6, 1) + " MB" : "unlimited";
}

std::optional<std::uint64_t> soft_limit(__rlimit_resource resource) {
  rlimit limit{};
  if (::getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return std::nullopt;
  return limit.rlim_cur;
}

}  // namespace

Finding cpu_limits(const fs::path& root) {
  const auto mask = cores_by_affinity();
  auto text = "affinity: " + (n_cores_in(mask) == 0
                                  ? "the system does not say"
                                  : counted(n_cores_in(mask), "core") + " (" + ranges_of(mask) + ")");
  const auto quota = cpu_quota(root);
  text += quota ? "; cgroup " + quota->file + ": CPU time of " + decimal(quota->cores, 2) + " cores, in " +
                      quota->group.string()
                : "; no quota of a cgroup";
  return {"CPU limits", Health::kGood, text, ""};
}

Finding memory(const fs::path& root) {
  const auto machine = machine_memory(root);
  auto text =
      gigabytes(machine.total_bytes) + ", " + gigabytes(machine.available_bytes) + " of them available";
  const auto limit = memory_limit(root);
  text += limit ? "; cgroup " + limit->file + ": " + gigabytes(limit->bytes) + ", " +
                      gigabytes(limit->free_bytes()) + " of them free, in " + limit->group.string()
                : "; no limit of a cgroup";
  return {"memory", Health::kGood, text, ""};
}

Finding huge_pages(const fs::path& root) {
  const auto sizes = root / "sys/kernel/mm";
  const auto transparent = chosen_word(first_line(sizes / "transparent_hugepage/enabled"));
  auto text = "transparent: " + (transparent.empty() ? "the system does not say" : transparent);
  for (const auto& [kibibytes, folder] : numbered_folders(sizes / "hugepages", "hugepages-"))
    if (const auto n = first_line(folder / "nr_hugepages"); !n.empty() && n != "0")
      text += "; reserved: " + n + " of " + std::to_string(kibibytes) + " KiB, " +
              first_line(folder / "free_hugepages") + " of them free";
  return {"huge pages", Health::kGood, text, ""};
}

Finding numa_nodes(const fs::path& root) {
  const auto nodes = numbered_folders(root / "sys/devices/system/node", "node");
  if (nodes.empty()) return {"NUMA nodes", Health::kGood, "the system does not say", ""};
  std::string text = counted(std::ssize(nodes), "node");
  for (const auto& [number, folder] : nodes)
    text += (number == nodes.front().first ? ": " : "; ") + std::to_string(number) + ": cores " +
            first_line(folder / "cpulist") + ", " + gigabytes(bytes_of_node(folder));
  return {"NUMA nodes", Health::kGood, text, ""};
}

ResourceLimits resource_limits() {
  return {.n_files = soft_limit(RLIMIT_NOFILE),
          .n_processes = soft_limit(RLIMIT_NPROC),
          .file_bytes = soft_limit(RLIMIT_FSIZE),
          .address_bytes = soft_limit(RLIMIT_AS),
          .locked_bytes = soft_limit(RLIMIT_MEMLOCK),
          .stack_bytes = soft_limit(RLIMIT_STACK)};
}

Finding limits(const ResourceLimits& limits) {
  std::string remedy;
  if (limits.file_bytes) remedy = "results larger than that cannot be written: ulimit -f unlimited";
  if (limits.n_files && *limits.n_files < kEnoughFiles)
    remedy += (remedy.empty() ? "" : "; ") + std::string("few open files: ulimit -n 1024");
  return {"ulimit", Health::kGood,
          "open files (-n) " + count_text(limits.n_files) + ", processes (-u) " +
              count_text(limits.n_processes) + ", file size (-f) " + bytes_text(limits.file_bytes) +
              ", address space (-v) " + bytes_text(limits.address_bytes) + ", locked memory (-l) " +
              bytes_text(limits.locked_bytes) + ", stack (-s) " + bytes_text(limits.stack_bytes),
          remedy};
}

Finding defaults(const DefaultThreads& threads, const fs::path& root) {
  const auto memory = usable_memory(root);
  return {"defaults", Health::kGood,
          "--threads " + std::to_string(threads.n) + ": " + threads.from +
              "; weights stay in memory, of which " + gigabytes(memory.bytes) +
              " can be used: " + memory.from,
          "for a larger model give --max_weight_memory"};
}

}  // namespace kvcompare::doctor
