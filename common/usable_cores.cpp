#include "common/usable_cores.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <numeric>
#include <string_view>
#include <thread>

#include <sched.h>

#include "common/cgroup.h"

namespace kvcompare {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBits = 64;
constexpr std::size_t kMostWords = 1 << 14;  // a million cores: the kernel's mask is never as long
constexpr int kMostThreads = 4096;           // as --threads

bool has_core(const CoreMask& mask, std::size_t core) {
  return core / kBits < mask.size() && (mask[core / kBits] >> (core % kBits) & 1) != 0;
}

std::optional<double> number_in(const fs::path& file) {
  double number = 0;
  std::ifstream stream(file);
  return stream >> number ? std::optional(number) : std::nullopt;
}

// Microseconds of CPU time a period. "max" or -1: there is no limit.
std::optional<CpuQuota> quota_of(const fs::path& group) {
  double quota = 0, period = 0;
  if (std::ifstream both(group / "cpu.max"); both >> quota >> period && period > 0)
    return CpuQuota{quota / period, "cpu.max", group};
  const auto v1_quota = number_in(group / "cpu.cfs_quota_us");
  const auto v1_period = number_in(group / "cpu.cfs_period_us");
  if (v1_quota && v1_period && *v1_quota > 0 && *v1_period > 0)
    return CpuQuota{*v1_quota / *v1_period, "cpu.cfs_quota_us", group};
  return std::nullopt;
}

}  // namespace

CoreMask cores_by_affinity() {
  for (std::size_t n_words = 16; n_words <= kMostWords; n_words *= 2) {
    CoreMask mask(n_words);
    // A cpu_set_t of any length is an array of unsigned longs.
    static_assert(sizeof(unsigned long) == sizeof(std::uint64_t));
    if (sched_getaffinity(0, n_words * sizeof mask[0], reinterpret_cast<cpu_set_t*>(mask.data())) == 0)
      return mask;
    if (errno != EINVAL) break;  // EINVAL: the kernel's mask is longer
  }
  return {};
}

int n_cores_in(const CoreMask& mask) {
  return std::accumulate(mask.begin(), mask.end(), 0,
                         [](int n, auto word) { return n + std::popcount(word); });
}

int fair_share(const CoreMask& mine, const std::vector<CoreMask>& masks) {
  double share = 0;
  for (std::size_t core = 0; core < mine.size() * kBits; ++core)
    if (has_core(mine, core))
      share += 1.0 / static_cast<double>(std::ranges::count_if(
                         masks, [&](const auto& mask) { return has_core(mask, core); }));
  return std::max(1, static_cast<int>(share + 1e-6));
}

std::optional<CpuQuota> cpu_quota(const fs::path& root) {
  std::optional<CpuQuota> least;
  for (const auto& group : cgroups_of_this_process("cpu", root))
    if (const auto quota = quota_of(group); quota && (!least || quota->cores < least->cores)) least = quota;
  return least;
}

int n_threads_for(double cores) {
  return std::max(1, static_cast<int>(std::ceil(std::min<double>(cores, kMostThreads) - 1e-6)));
}

std::optional<int> omp_num_threads() {
  const char* set = std::getenv("OMP_NUM_THREADS");
  std::string_view text = set ? set : "";
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  int n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc() || n < 1) return std::nullopt;
  return std::min(n, kMostThreads);
}

UsableCores usable_cores(const fs::path& root) {
  if (const auto wanted = omp_num_threads()) return {*wanted, "OMP_NUM_THREADS"};
  UsableCores cores{n_cores_in(cores_by_affinity()), "affinity"};
  if (cores.n == 0)
    cores = {std::max(1, static_cast<int>(std::thread::hardware_concurrency())), "cores of the machine"};
  if (const auto quota = cpu_quota(root); quota && n_threads_for(quota->cores) < cores.n)
    return {n_threads_for(quota->cores), "cgroup " + quota->file};
  return cores;
}

}  // namespace kvcompare
