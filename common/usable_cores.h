// How many cores a process may use, and who says so.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace kvcompare {

// Core c is bit c % 64 of word c / 64; as many words as the kernel has cores for.
using CoreMask = std::vector<std::uint64_t>;

// Where the scheduler may put this process. Empty if the system does not say.
CoreMask cores_by_affinity();

int n_cores_in(const CoreMask& mask);

// Of a process among those of its host: a core that several may use is divided. At least 1.
//   masks : of all of them, this one's among them
int fair_share(const CoreMask& mine, const std::vector<CoreMask>& masks);

// CPU time a second that a control group may take: what `docker run --cpus` and Kubernetes' limits set.
struct CpuQuota {
  double cores;
  std::string file;             // "cpu.max" (version 2), "cpu.cfs_quota_us" (version 1)
  std::filesystem::path group;  // that has it
};

// The least of this process's group and of all groups around it. root: as cgroups_of_this_process.
std::optional<CpuQuota> cpu_quota(const std::filesystem::path& root = "/");

// A quota of one core and a half keeps two threads busy three quarters of the time. At least 1.
int n_threads_for(double cores);

// OMP_NUM_THREADS, its first number; absent if it does not begin with one above 0.
std::optional<int> omp_num_threads();

struct UsableCores {
  int n;
  std::string from;  // "affinity", "cgroup cpu.max", "OMP_NUM_THREADS"
};

// OMP_NUM_THREADS if it is set, as for any program that uses OpenMP; else the lesser of affinity and quota.
UsableCores usable_cores(const std::filesystem::path& root = "/");

}  // namespace kvcompare
