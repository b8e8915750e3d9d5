#include "launch/commands/doctor_command.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <dlfcn.h>
#include <fcntl.h>
#include <hwy/targets.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/errors.h"
#include "common/files/atomic_file.h"
#include "common/files/directory_lock.h"
#include "common/messages/mpi_environment.h"
#include "common/usable_cores.h"
#include "coordinator/reports/hdf5_results.h"
#include "launch/session/standard_output.h"
#include "worker/devices/device.h"
#include "worker/devices/gpus.h"

namespace kvcompare {
namespace {

namespace fs = std::filesystem;

constexpr char kFieldEnd = '\x1f', kFindingEnd = '\x1e';  // ASCII's unit and record separators
constexpr double kGigabyte = 1e9;

std::string decimal(double number, int digits) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.*f", digits, number);
  return text.data();
}

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

Finding processor() {
  const auto best = hwy::SupportedTargets() & -hwy::SupportedTargets();
  const auto cores = usable_cores();
  return {"processor", Health::kGood,
          value_in("/proc/cpuinfo", "model name") + ", " + std::to_string(n_cores_in(cores_by_affinity())) +
              " cores to use, kernels for " + hwy::TargetName(best) + "; threads by default " +
              std::to_string(cores.n) + ": " + cores.from,
          ""};
}

Finding memory() {
  const auto gigabytes = [](const char* key) {
    return decimal(std::atof(value_in("/proc/meminfo", key).c_str()) * 1024 / kGigabyte, 1);
  };
  return {"memory", Health::kGood,
          gigabytes("MemTotal") + " GB, " + gigabytes("MemAvailable") + " GB of them available", ""};
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

// A library that is there or not; it is not linked.
class Library {
 public:
  explicit Library(const char* name) : handle_(::dlopen(name, RTLD_LAZY | RTLD_LOCAL)) {}
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  ~Library() {
    if (handle_) ::dlclose(handle_);
  }
  bool is_there() const { return handle_ != nullptr; }
  // What a function of the form `status f(int*)` gives; 0 if there is none.
  int version(const char* function) const {
    auto* symbol = reinterpret_cast<int (*)(int*)>(::dlsym(handle_, function));
    int version = 0;
    return symbol && symbol(&version) == 0 ? version : 0;
  }

 private:
  void* handle_;
};

Finding cuda(const GpuFacts& facts) {
  if (facts.runtime) return {"CUDA", Health::kGood, cuda_version_text(facts.runtime->version), ""};
  return {"CUDA", Health::kAbsent, "this program was built without it",
          "only for NVIDIA GPUs: launch/build.sh gpu"};
}

Finding cuda_driver(const GpuFacts& facts) {
  if (!facts.has_driver)
    return {"CUDA driver", Health::kAbsent, "none", "only for NVIDIA GPUs: install their driver"};
  const auto newest = "CUDA up to " + cuda_version_text(facts.driver_version);
  if (!facts.runtime || facts.n_gpus() > 0) return {"CUDA driver", Health::kGood, newest, ""};
  return {"CUDA driver", Health::kAbsent, newest + ", but no GPU to use", why_no_gpu(facts)};
}

Finding gpu(int index) {
  const auto subject = "GPU " + std::to_string(index);
  std::string name;
  try {
    const auto found = describe_gpu(index);
    name = found.name + ", " + decimal(static_cast<double>(found.total_bytes) / kGigabyte, 1) +
           " GB, compute capability " + std::to_string(found.major) + "." + std::to_string(found.minor) +
           ", PCI " + found.address;
    try_gpu(index);
    return {subject, Health::kGood, name, ""};
  } catch (const std::runtime_error& error) {
    return {subject, Health::kBad, name + (name.empty() ? "" : ": ") + error.what(),
            "look at `nvidia-smi` and `dmesg | grep Xid`; leave it out by CUDA_VISIBLE_DEVICES"};
  }
}

Finding nccl() {
  const Library library("libnccl.so.2");
  if (!library.is_there())
    return {"NCCL", Health::kAbsent, "none", "only for several GPUs: pip install nvidia-nccl-cu13"};
  const int version = library.version("ncclGetVersion");
  return {"NCCL", Health::kGood,
          std::to_string(version / 10000) + "." + std::to_string(version % 10000 / 100) + "." +
              std::to_string(version % 100),
          ""};
}

Finding devices(const std::string& request, const GpuFacts& facts) {
  try {
    std::string names;
    for (const auto& device : choose_devices(request, std::nullopt, facts))
      names += (names.empty() ? "" : ", ") + device.str();
    return {"devices", Health::kGood, names, ""};
  } catch (const ConfigError& error) {
    return {"devices", Health::kBad, error.what(), "--device cpu"};
  }
}

Finding shared_memory() {
  struct statvfs info = {};
  if (::statvfs("/dev/shm", &info) != 0)
    return {"shared memory", Health::kAbsent, "no /dev/shm: Open MPI is slower",
            "mount -t tmpfs tmpfs /dev/shm"};
  const auto free = static_cast<double>(info.f_bavail) * static_cast<double>(info.f_frsize);
  return {"shared memory", Health::kGood, decimal(free / kGigabyte, 1) + " GB free in /dev/shm", ""};
}

// ---- the output folder

std::string file_system_name(const fs::path& folder) {
  struct statfs info = {};
  if (::statfs(folder.c_str(), &info) != 0) return "an unknown file system";
  constexpr std::array<std::pair<long, const char*>, 9> kNames{{{0xEF53, "ext4"},
                                                                {0x58465342, "XFS"},
                                                                {0x9123683E, "Btrfs"},
                                                                {0x01021994, "tmpfs: gone after a restart"},
                                                                {0x794C7630, "overlayfs"},
                                                                {0x6969, "NFS"},
                                                                {0x0BD00BD0, "Lustre"},
                                                                {0x47504653, "GPFS"},
                                                                {0x2FC12FC1, "ZFS"}}};
  const auto type = static_cast<long>(info.f_type);
  const auto* found = std::ranges::find(kNames, type, &std::pair<long, const char*>::first);
  std::ostringstream hexadecimal;
  hexadecimal << "file system 0x" << std::hex << type;
  return found == kNames.end() ? hexadecimal.str() : found->second;
}

// Median of a few, as the journal does it.
double milliseconds_of_sync(const fs::path& folder) {
  const auto file = folder / ".kvcompare-doctor";
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor < 0) throw OutputError(file.string(), std::strerror(errno));
  std::array<double, 9> times{};
  bool is_good = true;
  for (auto& time : times) {
    const auto begun = std::chrono::steady_clock::now();
    const std::string record(1000, 'x');
    is_good = is_good && ::write(descriptor, record.data(), record.size()) == std::ssize(record) &&
              ::fdatasync(descriptor) == 0;
    time = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count();
  }
  const std::string problem = std::strerror(errno);
  ::close(descriptor);
  ::unlink(file.c_str());
  if (!is_good) throw OutputError(file.string(), problem);
  std::ranges::sort(times);
  return times[times.size() / 2];
}

Finding output_folder(const fs::path& folder) {
  std::error_code unknown;
  const bool was_there = fs::exists(folder, unknown) || unknown;
  try {
    std::string text;
    {
      const DirectoryLock lock(folder);
      const auto sync = milliseconds_of_sync(folder);
      const auto space = fs::space(folder).available;
      write_file_atomically(folder / ".kvcompare-doctor", "x");
      text = folder.string() + ": " + file_system_name(folder) + ", " +
             decimal(static_cast<double>(space) / kGigabyte, 1) + " GB free, locks, syncs a record in " +
             decimal(sync, 2) + " ms";
    }
    fs::remove(folder / ".kvcompare-doctor");
    if (!was_there) {
      fs::remove(folder / "LOCK");
      fs::remove(folder);
    }
    return {"output folder", Health::kGood, text, ""};
  } catch (const std::exception& error) {
    return {"output folder", Health::kBad, error.what(), "choose another --output_dir"};
  }
}

// "0-2,5"
std::string ranges(const std::vector<std::size_t>& ranks) {
  std::string text;
  for (std::size_t i = 0; i < ranks.size();) {
    auto last = i;
    while (last + 1 < ranks.size() && ranks[last + 1] == ranks[last] + 1) ++last;
    text += (text.empty() ? "" : ",") + std::to_string(ranks[i]);
    if (last > i) text += "-" + std::to_string(ranks[last]);
    i = last + 1;
  }
  return text;
}

std::string line_of(const Finding& finding, const std::string& ranks) {
  constexpr std::array kHealth{"ok     ", "absent ", "BAD    "};
  std::string line = kHealth[static_cast<std::size_t>(finding.health)] + finding.subject;
  line.append(line.size() < 24 ? 24 - line.size() : 1, ' ');
  if (!ranks.empty()) line += "rank " + ranks + ": ";
  line += finding.text;
  if (!finding.remedy.empty()) line += "\n" + std::string(24, ' ') + "-> " + finding.remedy;
  return line + "\n";
}

bool same(const Finding& a, const Finding& b) {
  return a.subject == b.subject && a.health == b.health && a.text == b.text && a.remedy == b.remedy;
}

bool any_bad(const std::vector<std::vector<Finding>>& all) {
  return std::ranges::any_of(all, [](const auto& findings) {
    return std::ranges::any_of(findings, [](const auto& f) { return f.health == Health::kBad; });
  });
}

ExitCode tell(const std::vector<std::vector<Finding>>& all) {
  print(doctor_table(all));
  return any_bad(all) ? ExitCode::kUsage : ExitCode::kComplete;
}

}  // namespace

// Where the CPU alone is asked for, GPUs are not looked at: their driver may be broken.
std::vector<Finding> examine(const DoctorCommand& command) {
  std::vector<Finding> findings{processor(), memory(), locale(), libtorch(), hdf5(), mpi(), slurm(), nccl()};
  GpuFacts facts;
  if (command.device != "cpu") {
    facts = gpu_facts();
    findings.push_back(cuda(facts));
    findings.push_back(cuda_driver(facts));
    for (int i = 0; i < facts.n_gpus(); ++i) findings.push_back(gpu(i));
  }
  findings.push_back(devices(command.device, facts));
  findings.push_back(shared_memory());
  findings.push_back(output_folder(command.output_dir));
  return findings;
}

std::string doctor_table(const std::vector<std::vector<Finding>>& all) {
  std::string table;
  const auto& longest = *std::ranges::max_element(all, {}, &std::vector<Finding>::size);
  for (const auto& row : longest) {
    std::vector<std::pair<Finding, std::vector<std::size_t>>> groups;
    for (std::size_t rank = 0; rank < all.size(); ++rank) {
      const auto found = std::ranges::find(all[rank], row.subject, &Finding::subject);
      if (found == all[rank].end()) continue;
      const auto group = std::ranges::find_if(groups, [&](const auto& g) { return same(g.first, *found); });
      if (group == groups.end())
        groups.push_back({*found, {rank}});
      else
        group->second.push_back(rank);
    }
    for (const auto& [finding, ranks] : groups)
      table += line_of(finding, ranks.size() < all.size() ? ranges(ranks) : "");
  }
  return table + (any_bad(all) ? "Something is wrong, see BAD above.\n" : "The main job can run here.\n");
}

std::string text_of(const std::vector<Finding>& findings) {
  std::string text;
  for (const auto& finding : findings) {
    for (const auto& field :
         {finding.subject, std::to_string(static_cast<int>(finding.health)), finding.text, finding.remedy})
      text += field + kFieldEnd;
    text += kFindingEnd;
  }
  return text;
}

std::vector<Finding> findings_of(const std::string& text) {
  std::vector<Finding> findings;
  std::istringstream records(text);
  for (std::string record; std::getline(records, record, kFindingEnd);) {
    std::istringstream fields(record);
    Finding finding;
    std::string health;
    std::getline(fields, finding.subject, kFieldEnd);
    std::getline(fields, health, kFieldEnd);
    std::getline(fields, finding.text, kFieldEnd);
    std::getline(fields, finding.remedy, kFieldEnd);
    finding.health = static_cast<Health>(std::atoi(health.c_str()));
    findings.push_back(std::move(finding));
  }
  return findings;
}

ExitCode run_doctor(const DoctorCommand& command) {
  if (n_launched_processes() == 1) return tell({examine(command)});
  MpiEnvironment mpi;
  // The folder's lock is for one: the ranks look one after the other.
  std::vector<Finding> findings;
  for (int turn = 0; turn < mpi.size(); ++turn) {
    if (turn == mpi.rank()) findings = examine(command);
    mpi.barrier();
  }
  std::vector<std::vector<Finding>> all;
  for (const auto& text : mpi.gather(text_of(findings))) all.push_back(findings_of(text));
  const auto code = mpi.rank() == 0 ? tell(all) : ExitCode::kComplete;
  mpi.finalize();
  return code;
}

}  // namespace kvcompare
