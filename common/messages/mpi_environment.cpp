#include "common/messages/mpi_environment.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <numeric>
#include <string_view>

#include <mpi.h>

#include "common/errors.h"
#include "common/host_name.h"
#include "common/log.h"
#include "common/messages/mpi_check.h"
#include "common/usable_cores.h"

namespace kvcompare {
namespace {

// 0 if it is not set to a number.
int number_in_environment(const char* name) {
  const char* text = std::getenv(name);
  int number = 0;
  if (text) std::from_chars(text, text + std::strlen(text), number);
  return number;
}

// Of the ranks of `computing`, which share a host. Collective. `value` is of the same size on each.
template <class Value>
std::vector<Value> all_values(std::span<const Value> value, int n_ranks, MPI_Comm computing) {
  std::vector<Value> all(value.size() * static_cast<std::size_t>(n_ranks));
  const auto n_bytes = static_cast<int>(value.size_bytes());
  mpi_check(MPI_Allgather(value.data(), n_bytes, MPI_BYTE, all.data(), n_bytes, MPI_BYTE, computing),
            "MPI_Allgather");
  return all;
}

// What this rank may use of the cores of its host. Collective over the ranks that compute there. A quota of
// a control group is divided among those that are in it.
int share_of_host(int n_ranks, MPI_Comm computing) {
  const auto mine = cores_by_affinity();
  const auto words = all_values<std::uint64_t>(mine, n_ranks, computing);
  std::vector<CoreMask> masks;
  for (auto mask = words.begin(); mask != words.end(); mask += std::ssize(mine))
    masks.emplace_back(mask, mask + std::ssize(mine));
  const auto quota = cpu_quota();
  const std::array group{quota ? std::hash<std::string>{}(quota->group.string()) : 0};
  const auto groups = all_values<std::size_t>(group, n_ranks, computing);
  if (const auto wanted = omp_num_threads()) return *wanted;
  const int share = mine.empty() ? 1 : fair_share(mine, masks);
  if (!quota) return share;
  return std::min(share,
                  n_threads_for(quota->cores / static_cast<double>(std::ranges::count(groups, group[0]))));
}

// The texts of ranks one behind the other, as MPI gathers them.
struct TextsOfRanks {
  explicit TextsOfRanks(int n_ranks) : sizes(static_cast<std::size_t>(n_ranks)), offsets(sizes.size()) {}

  void make_room() {
    std::exclusive_scan(sizes.begin(), sizes.end(), offsets.begin(), 0);
    all.resize(static_cast<std::size_t>(std::accumulate(sizes.begin(), sizes.end(), 0)));
  }
  std::vector<std::string> split() const {
    std::vector<std::string> texts;
    for (std::size_t r = 0; r < sizes.size(); ++r)
      texts.push_back(all.substr(static_cast<std::size_t>(offsets[r]), static_cast<std::size_t>(sizes[r])));
    return texts;
  }

  std::vector<int> sizes, offsets;  // bytes, by rank
  std::string all;
};

}  // namespace

void mpi_check(int status, const char* call) {
  if (status == MPI_SUCCESS) return;
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(status, text.data(), &length);
  throw MpiError(call, std::string(text.data(), static_cast<std::size_t>(length)));
}

int n_launched_processes() {
  if (const int n = number_in_environment("OMPI_COMM_WORLD_SIZE"); n > 0) return n;
  const bool is_in_step = std::getenv("SLURM_STEP_ID") && std::getenv("SLURM_PROCID");
  const int n_tasks = is_in_step ? number_in_environment("SLURM_STEP_NUM_TASKS") : 1;
  if (n_tasks <= 1) return 1;
  if (!std::getenv("PMIX_RANK"))
    throw ConfigError("srun", "started " + std::to_string(n_tasks) +
                                  " tasks that cannot find each other; use srun --mpi=pmix, or mpirun");
  return n_tasks;
}

std::string mpi_library_version() {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  mpi_check(MPI_Get_library_version(text.data(), &length), "MPI_Get_library_version");
  const std::string version(text.data(), static_cast<std::size_t>(length));
  return version.substr(0, version.find(','));
}

MpiEnvironment::MpiEnvironment() : host_(host_name()), n_exceptions_(std::uncaught_exceptions()) {
  int provided = 0;
  mpi_check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread");
  mpi_check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  mpi_check(MPI_Comm_rank(MPI_COMM_WORLD, &rank_), "MPI_Comm_rank");
  mpi_check(MPI_Comm_size(MPI_COMM_WORLD, &size_), "MPI_Comm_size");
  if (provided < MPI_THREAD_FUNNELED) throw MpiError("MPI_Init_thread", "this MPI does not allow threads");
}

MpiEnvironment::~MpiEnvironment() {
  if (finalized_) return;
  if (std::uncaught_exceptions() > n_exceptions_)
    MPI_Abort(MPI_COMM_WORLD, static_cast<int>(ExitCode::kInternal));
  MPI_Finalize();
}

PlaceOnHost MpiEnvironment::place_on_host(bool computes) const {
  MPI_Comm on_host = MPI_COMM_NULL, computing = MPI_COMM_NULL;
  mpi_check(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &on_host),
            "MPI_Comm_split_type");
  mpi_check(MPI_Comm_split(on_host, computes ? 0 : MPI_UNDEFINED, rank_, &computing), "MPI_Comm_split");
  mpi_check(MPI_Comm_free(&on_host), "MPI_Comm_free");
  PlaceOnHost place{0, 0, 1};
  if (computing == MPI_COMM_NULL) return place;
  mpi_check(MPI_Comm_rank(computing, &place.index), "MPI_Comm_rank");
  mpi_check(MPI_Comm_size(computing, &place.n_ranks), "MPI_Comm_size");
  place.n_cores = share_of_host(place.n_ranks, computing);
  mpi_check(MPI_Comm_free(&computing), "MPI_Comm_free");
  return place;
}

std::vector<std::string> MpiEnvironment::gather(const std::string& text) const {
  const int n_bytes = static_cast<int>(text.size());
  TextsOfRanks texts(rank_ == 0 ? size_ : 0);
  mpi_check(MPI_Gather(&n_bytes, 1, MPI_INT, texts.sizes.data(), 1, MPI_INT, 0, MPI_COMM_WORLD),
            "MPI_Gather");
  texts.make_room();
  mpi_check(MPI_Gatherv(text.data(), n_bytes, MPI_CHAR, texts.all.data(), texts.sizes.data(),
                        texts.offsets.data(), MPI_CHAR, 0, MPI_COMM_WORLD),
            "MPI_Gatherv");
  return texts.split();
}

std::vector<std::string> MpiEnvironment::all_gather(const std::string& text) const {
  const int n_bytes = static_cast<int>(text.size());
  TextsOfRanks texts(size_);
  mpi_check(MPI_Allgather(&n_bytes, 1, MPI_INT, texts.sizes.data(), 1, MPI_INT, MPI_COMM_WORLD),
            "MPI_Allgather");
  texts.make_room();
  mpi_check(MPI_Allgatherv(text.data(), n_bytes, MPI_CHAR, texts.all.data(), texts.sizes.data(),
                           texts.offsets.data(), MPI_CHAR, MPI_COMM_WORLD),
            "MPI_Allgatherv");
  return texts.split();
}

void MpiEnvironment::broadcast(std::span<std::byte> bytes, int root) const {
  mpi_check(MPI_Bcast(bytes.data(), static_cast<int>(bytes.size()), MPI_BYTE, root, MPI_COMM_WORLD),
            "MPI_Bcast");
}

void MpiEnvironment::barrier() const { mpi_check(MPI_Barrier(MPI_COMM_WORLD), "MPI_Barrier"); }

void MpiEnvironment::finalize() {
  finalized_ = true;
  mpi_check(MPI_Finalize(), "MPI_Finalize");
}

void MpiEnvironment::abort(ExitCode code) const {
  MPI_Abort(MPI_COMM_WORLD, static_cast<int>(code));
  std::_Exit(static_cast<int>(code));
}

}  // namespace kvcompare
