// MPI of this process, from MPI_Init to MPI_Finalize.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "common/exit_code.h"

namespace kvcompare {

// Processes that mpirun or srun started together with this one; 1 if it is alone. Calls no MPI function.
// Throws ConfigError if srun started several but gave them no way to find each other.
int n_launched_processes();

// "Open MPI v4.1.4". May be called without an environment.
std::string mpi_library_version();

// Where a rank stands among those that share its host.
struct PlaceOnHost {
  int index = 0;
  int n_ranks = 1;
  // Its fair share of the cores that it may use, by affinity and quota: what several ranks may use is
  // divided. OMP_NUM_THREADS if that is set.
  int n_cores = 1;
};

// Made at most once a process, by the main thread, and only where n_launched_processes() > 1. All calls of
// MPI are made by this thread.
class MpiEnvironment {
 public:
  MpiEnvironment();
  // Finalises MPI. While an exception unwinds it ends all ranks instead: MPI_Finalize would wait for ever for
  // a rank that is waiting for this one.
  ~MpiEnvironment();
  MpiEnvironment(const MpiEnvironment&) = delete;
  MpiEnvironment& operator=(const MpiEnvironment&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  const std::string& host() const { return host_; }

  // Collective. Ranks that do not compute have no place and are not among n_ranks.
  PlaceOnHost place_on_host(bool computes) const;

  // Collective. Rank 0 gets the text of every rank, in order; the others get nothing.
  std::vector<std::string> gather(const std::string& text) const;

  // Collective. Every rank gets the text of every rank, in order.
  std::vector<std::string> all_gather(const std::string& text) const;

  // Collective. What `root` has in `bytes` comes to all; the same number of bytes on each rank.
  void broadcast(std::span<std::byte> bytes, int root) const;

  // Collective: nobody goes on before all have come.
  void barrier() const;

  // All ranks have come here, or will: nothing may be sent any more.
  void finalize();

  // Ends all ranks at once; mpirun returns `code`.
  [[noreturn]] void abort(ExitCode code) const;

 private:
  int rank_ = 0;
  int size_ = 1;
  std::string host_;
  int n_exceptions_;
  bool finalized_ = false;
};

}  // namespace kvcompare
