#include "launch/commands/doctor_host.h"

#include <array>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include <sys/statvfs.h>
#include <unistd.h>

#include "common/data/parquet_rows.h"
#include "common/messages/mpi_environment.h"
#include "common/usable_cores.h"
#include "coordinator/reports/hdf5_results.h"
#include "launch/commands/own_kernels.h"

namespace kvcompare::doctor {
namespace {

namespace fs = std::filesystem;

// First line of what a command prints; empty if it fails.
std::string first_line_of(const std::string& command) {
  std::array<char, 512> line{};
  FILE* output = ::popen(command.c_str(), "r");
  if (!output) return "";
  const bool has_line = std::fgets(line.data(), line.size(), output) != nullptr;
  while (has_line && std::fgetc(output) != EOF) continue;
  if (::pclose(output) != 0 || !has_line) return "";
  std::string text = line.data();
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

std::optional<fs::path> on_path(const std::string& program) {
  std::istringstream folders(std::getenv("PATH") ? std::getenv("PATH") : "");
  for (std::string folder; std::getline(folders, folder, ':');)
    if (::access((fs::path(folder) / program).c_str(), X_OK) == 0) return fs::path(folder) / program;
  return std::nullopt;
}

std::string value_in(const char* file, const std::string& key) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(key)) {
      const auto begin = line.find_first_not_of(" \t", line.find(':') + 1);
      return begin == std::string::npos ? "" : line.substr(begin);
    }
  return "";
}

}  // namespace

Finding processor() {
  return {"processor", Health::kGood,
          value_in("/proc/cpuinfo", "model name") + ", " + std::to_string(n_cores_in(cores_by_affinity())) +
              " cores to use, kernels for " + own_kernels(),
          ""};
}

Finding locale() {
  const char* name = std::setlocale(LC_ALL, "");
  const std::string found = name ? name : "";
  std::setlocale(LC_ALL, "C");  // numbers are written with a point whatever it says
  if (!found.empty()) return {"locale", Health::kGood, found, ""};
  return {"locale", Health::kAbsent, "the one that the environment names is not installed; C is used",
          "unset LC_ALL, or apt-get install locales"};
}

Finding libtorch() { return {"libtorch", Health::kGood, KVCOMPARE_TORCH_VERSION, ""}; }

Finding hdf5() { return {"HDF5", Health::kGood, hdf5_library_version(), ""}; }

Finding parquet() {
  const auto version = arrow_library_version();
  if (!version.empty()) return {"Parquet", Health::kGood, "read by Apache Arrow " + version, ""};
  return {"Parquet", Health::kAbsent, "built without it",
          "only for data in Parquet: KVCOMPARE_PARQUET=1 launch/build.sh release"};
}

Finding mpi() {
  const auto library = mpi_library_version();
  if (const auto mpirun = on_path("mpirun"))
    return {"MPI", Health::kGood, library + ", " + mpirun->string(), ""};
  return {"MPI", Health::kAbsent, library + ", but no mpirun on PATH: one process only",
          "apt-get install openmpi-bin"};
}

Finding slurm() {
  if (!on_path("srun")) return {"Slurm", Health::kAbsent, "no srun on PATH", "only for batch jobs"};
  const auto version = first_line_of("srun --version 2>/dev/null");
  if (version.empty())
    return {"Slurm", Health::kAbsent, "srun is here, but no cluster that it belongs to", ""};
  if (first_line_of("srun --mpi=list 2>&1 | grep -w pmix").empty())
    return {"Slurm", Health::kAbsent, version + ", without PMIx: start ranks with mpirun",
            "apt-get install slurm-wlm-basic-plugins libpmix2"};
  return {"Slurm", Health::kGood, version + ", srun --mpi=pmix", ""};
}

Finding shared_memory() {
  struct statvfs info = {};
  if (::statvfs("/dev/shm", &info) != 0)
    return {"shared memory", Health::kAbsent, "no /dev/shm: Open MPI is slower",
            "mount -t tmpfs tmpfs /dev/shm"};
  const auto free = static_cast<double>(info.f_bavail) * static_cast<double>(info.f_frsize);
  return {"shared memory", Health::kGood, gigabytes(free) + " free in /dev/shm", ""};
}

}  // namespace kvcompare::doctor
