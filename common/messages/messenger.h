// One endpoint of the exchange between coordinator (rank 0) and workers (ranks 1 ... n).
// Whether the others are threads or MPI processes is decided in launch/ and known nowhere else.
#pragma once

#include <chrono>
#include <optional>

#include "common/ids.h"
#include "common/messages/messages.h"

namespace kvcompare {

struct Envelope {
  Rank from;
  Message message;
};

class Messenger {
 public:
  virtual ~Messenger() = default;

  // Messages between two ranks arrive in the order sent. Does not block. Used by the owning thread only.
  virtual void send(Rank to, Message message) = 0;

  // The next message, in order of arrival; empty after `timeout` without one.
  virtual std::optional<Envelope> receive(std::chrono::milliseconds timeout) = 0;

  // On rank 0: whether every other rank was certainly alive at that time, or has said goodbye. Threads of one
  // process die together with it.
  virtual bool all_were_alive_at(std::chrono::steady_clock::time_point) const { return true; }
};

}  // namespace kvcompare
