// Coordinator and workers as MPI processes: a Messenger whose ranks are those of MPI_COMM_WORLD.
#pragma once

#include <chrono>
#include <memory>

#include "common/errors.h"
#include "common/messages/messenger.h"
#include "common/messages/mpi_environment.h"

namespace kvcompare {

// Rank 0 and every other rank tell each other now and then that they are alive, as long as receive() is
// called; a rank that computes calls it from another thread than the one that computes. A rank that has not
// been heard of for `silence` is lost. The time that a rank itself has stood still does not count.
struct HeartbeatTimes {
  std::chrono::milliseconds interval{5000};
  std::chrono::milliseconds silence{120000};
  std::chrono::milliseconds first_silence{1800000};  // until it is heard of for the first time
};

// A rank was lost: it neither answers nor did MPI notice that it died.
struct RankSilent : Error {
  RankSilent(Rank rank_, const std::string& message) : Error(ExitCode::kInterrupted, message), rank(rank_) {}
  Rank rank;
};

// Messages are cut into pieces of at most 32 MiB. Used by the thread that made the environment.
class MpiMessenger : public Messenger {
 public:
  // Collective. The environment outlives the messenger.
  MpiMessenger(const MpiEnvironment& environment, HeartbeatTimes times = {});
  ~MpiMessenger() override;

  void send(Rank to, Message message) override;
  // Throws RankSilent.
  std::optional<Envelope> receive(std::chrono::milliseconds timeout) override;
  // They have been heard of since.
  bool all_were_alive_at(std::chrono::steady_clock::time_point time) const override;

  // Nothing more is expected from this rank, nor is it told anything.
  void release(Rank rank);

  // Waits until what was sent is on its way. False if it is not after `timeout`.
  bool flush(std::chrono::milliseconds timeout);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kvcompare
