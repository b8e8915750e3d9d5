// Coordinator and workers as MPI processes. Each has its main thread for messages, so that it answers while
// another thread computes.
#pragma once

#include <functional>
#include <optional>

#include "common/messages/mpi_messenger.h"
#include "common/run/run_options.h"
#include "launch/session/in_process_session.h"

namespace kvcompare {

// Rank 0's side: the coordinator's endpoint to its own worker thread, if it has one, and to the other ranks.
// Workers are numbered from 1, the local one first.
class CoordinatorSession : public Messenger {
 public:
  // local: of at most one worker. All outlive the session.
  CoordinatorSession(const MpiEnvironment& environment, MpiMessenger& remote, LocalWorkers* local);

  int n_workers() const;

  void send(Rank to, Message message) override;
  std::optional<Envelope> receive(std::chrono::milliseconds timeout) override;

 private:
  int n_local() const { return local_ ? local_->size() : 0; }
  std::optional<Envelope> poll();

  const MpiEnvironment& environment_;
  MpiMessenger& remote_;
  LocalWorkers* local_;
};

// Rank 0 cannot go on: all other ranks learn why, and end. Returns when they have; ends them at once if they
// do not within a few seconds.
void end_other_ranks(const MpiEnvironment& environment, MpiMessenger& remote, const Error& error);

// Another rank's side: passes messages between rank 0 and a worker thread until the work is done. What the
// worker throws is told to rank 0, which then ends all ranks. Returns when the work is done; where it ends
// otherwise, the process ends here.
ExitCode serve(MpiEnvironment& environment, MpiMessenger& remote, const LocalWorker& worker);

// What the ranks of a run do.
struct RankRoles {
  // Rank 0's. Throws Error only after end_other_ranks or when the others have ended.
  std::function<ExitCode(MpiEnvironment&, MpiMessenger&, const PlaceOnHost&)> coordinate;
  std::function<LocalWorker(const MpiEnvironment&, const PlaceOnHost&)> worker;  // another rank's
};

// This process as one of several that mpirun or srun started; from MPI_Init to MPI_Finalize.
ExitCode run_as_rank(const RunOptions& options, const RankRoles& roles);

// Rank 0's work as long as others wait for it: what it throws is told to all ranks, and ends them and this
// one.
void while_others_wait(MpiEnvironment& environment, MpiMessenger& remote, const std::function<void()>& work);

}  // namespace kvcompare
