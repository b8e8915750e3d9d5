// Runs coordinator and workers as MPI processes. The main thread of each process passes messages, so that it
// answers while another thread computes.
#pragma once

#include <functional>
#include <optional>

#include "common/messages/mpi_messenger.h"
#include "common/run/run_options.h"
#include "launch/session/in_process_session.h"

namespace kvcompare {

// Rank 0's side: the coordinator's messenger to its own worker thread, if it has one, and to the other ranks.
// Workers are numbered from 1, the local worker first.
class CoordinatorSession : public Messenger {
 public:
  //   local : at most one worker
  // All arguments must outlive the session.
  CoordinatorSession(const MpiEnvironment& environment, MpiMessenger& remote, LocalWorkers* local);

  int n_workers() const;

  void send(Rank to, Message message) override;
  std::optional<Envelope> receive(std::chrono::milliseconds timeout) override;
  bool all_were_alive_at(std::chrono::steady_clock::time_point time) const override;

 private:
  int n_local() const { return local_ ? local_->size() : 0; }
  std::optional<Envelope> poll();

  const MpiEnvironment& environment_;
  MpiMessenger& remote_;
  LocalWorkers* local_;
};

// Ends all other ranks when rank 0 cannot continue, and tells them why. Returns when they have ended. Ends
// them at once if they do not end within a few seconds.
void end_other_ranks(const MpiEnvironment& environment, MpiMessenger& remote, const Error& error);

// Another rank's side: passes messages between rank 0 and a worker thread until the work is done. If the
// worker throws, rank 0 is told, and ends all ranks. Returns when the work is done. In every other case it
// ends this process and does not return.
ExitCode serve(MpiEnvironment& environment, MpiMessenger& remote, const LocalWorker& worker);

// What the ranks of a run do.
struct RankRoles {
  // What rank 0 does. Throws Error only after end_other_ranks, or when the others have ended.
  std::function<ExitCode(MpiEnvironment&, MpiMessenger&, const PlaceOnHost&)> coordinate;
  std::function<LocalWorker(const MpiEnvironment&, const PlaceOnHost&)> worker;  // what another rank does
};

// Runs this process as one of several that mpirun or srun started, from MPI_Init to MPI_Finalize.
ExitCode run_as_rank(const RunOptions& options, const RankRoles& roles);

// Runs `work` on rank 0 while the other ranks wait for it. If it throws, rank 0 sends the error to all ranks,
// and every process exits with the error's code.
void while_others_wait(MpiEnvironment& environment, MpiMessenger& remote, const std::function<void()>& work);

}  // namespace kvcompare
