#include "launch/session/mpi_session.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <string>
#include <thread>

#include "common/errors.h"
#include "common/log.h"
#include "common/messages/backoff.h"
#include "launch/session/report_error.h"
#include "launch/session/stop_signal.h"
#include "launch/session/thread_supply.h"
#include "launch/session/workers.h"

namespace kvcompare {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kNow{0};
constexpr std::chrono::seconds kFarewell{5};  // time for messages to be delivered at the end
// A rank gives several signs of life within --rank_timeout: one may be late.
constexpr std::chrono::milliseconds kLongestInterval{5000};
constexpr int kSignsOfLife = 4;
constexpr int kThreadsOfMpi = 3;  // threads that Open MPI starts for itself
const Rank kLocalWorker{1};       // its number in the exchange inside a process

// Waits for `pause`, or until a message from within the process arrives.
std::optional<Envelope> wait_for_local(Messenger& local, std::chrono::microseconds pause) {
  if (pause >= std::chrono::milliseconds(1))
    return local.receive(std::chrono::floor<std::chrono::milliseconds>(pause));
  std::this_thread::sleep_for(pause);
  return std::nullopt;
}

}  // namespace

CoordinatorSession::CoordinatorSession(const MpiEnvironment& environment, MpiMessenger& remote,
                                       LocalWorkers* local)
    : environment_(environment), remote_(remote), local_(local) {}

int CoordinatorSession::n_workers() const { return n_local() + environment_.size() - 1; }

void CoordinatorSession::send(Rank to, Message message) {
  if (to.value <= n_local())
    local_->coordinator_endpoint().send(to, std::move(message));
  else
    remote_.send(Rank(to.value - n_local()), std::move(message));
}

std::optional<Envelope> CoordinatorSession::receive(std::chrono::milliseconds timeout) {
  const auto deadline = Clock::now() + timeout;
  for (Backoff backoff;;) {
    if (auto envelope = poll()) return envelope;
    if (Clock::now() >= deadline) return std::nullopt;
    if (!local_)
      backoff.wait();
    else if (auto envelope = wait_for_local(local_->coordinator_endpoint(), backoff.next()))
      return envelope;
  }
}

bool CoordinatorSession::all_were_alive_at(Clock::time_point time) const {
  return remote_.all_were_alive_at(time);
}

std::optional<Envelope> CoordinatorSession::poll() {
  if (local_)
    if (auto envelope = local_->coordinator_endpoint().receive(kNow)) return envelope;
  auto envelope = remote_.receive(kNow);
  if (!envelope) return std::nullopt;
  if (std::holds_alternative<Goodbye>(envelope->message)) remote_.release(envelope->from);
  envelope->from = Rank(envelope->from.value + n_local());
  return envelope;
}

void end_other_ranks(const MpiEnvironment& environment, MpiMessenger& remote, const Error& error) {
  try {
    for (int rank = 1; rank < environment.size(); ++rank)
      remote.send(Rank(rank), Abort{error.exit_code(), error.what()});
    const auto deadline = Clock::now() + kFarewell;
    int n_left = environment.size() - 1;
    while (n_left > 0 && Clock::now() < deadline)
      if (const auto envelope = remote.receive(std::chrono::milliseconds(100)))
        if (std::holds_alternative<Goodbye>(envelope->message)) --n_left;
    if (n_left == 0 && remote.flush(kFarewell)) return;
  } catch (const std::exception& second) {
    log_debug(std::string("while the other ranks were told: ") + second.what());
  }
  environment.abort(error.exit_code());
}

namespace {

class WorkerRank {
 public:
  WorkerRank(MpiEnvironment& environment, MpiMessenger& remote, const LocalWorker& worker)
      : environment_(environment), remote_(remote), local_({worker}) {}

  // Returns when the worker has said goodbye, or when rank 0 has said that all is over.
  ExitCode run() {
    for (Backoff backoff;;) {
      bool has_moved = false;
      if (auto envelope = remote_.receive(kNow)) {
        if (const auto* abort = std::get_if<Abort>(&envelope->message)) end(abort->code);
        if (!has_failed_) local_.coordinator_endpoint().send(kLocalWorker, std::move(envelope->message));
        has_moved = true;
      }
      if (auto envelope = from_worker(has_moved ? std::chrono::microseconds(0) : backoff.next())) {
        const bool is_last = std::holds_alternative<Goodbye>(envelope->message);
        remote_.send(kCoordinator, std::move(envelope->message));
        if (is_last) return farewell();
        has_moved = true;
      }
      if (has_moved) backoff.reset();
    }
  }

 private:
  // If the worker has thrown, returns its error as a message, once.
  std::optional<Envelope> from_worker(std::chrono::microseconds pause) {
    try {
      if (!has_failed_) {
        auto envelope = local_.coordinator_endpoint().receive(kNow);
        return envelope ? std::move(envelope) : wait_for_local(local_.coordinator_endpoint(), pause);
      }
      std::this_thread::sleep_for(pause);
      return std::nullopt;
    } catch (const std::exception& thrown) {
      const auto error = as_error(thrown);
      return failed(error.exit_code(), error.what());
    }
  }

  std::optional<Envelope> failed(ExitCode code, const std::string& reason) {
    has_failed_ = true;
    return Envelope{kLocalWorker, WorkerFailed{code, "rank " + std::to_string(environment_.rank()) + " on " +
                                                         environment_.host() + ": " + reason}};
  }

  ExitCode farewell() {
    if (!remote_.flush(kFarewell)) environment_.abort(ExitCode::kInternal);
    return ExitCode::kComplete;
  }

  // Ends the process without waiting for the worker thread, which may be computing.
  [[noreturn]] void end(ExitCode code) {
    remote_.send(kCoordinator, Goodbye{});
    if (!remote_.flush(kFarewell)) environment_.abort(code);
    environment_.finalize();
    std::_Exit(static_cast<int>(code));
  }

  MpiEnvironment& environment_;
  MpiMessenger& remote_;
  LocalWorkers local_;
  bool has_failed_ = false;
};

}  // namespace

ExitCode serve(MpiEnvironment& environment, MpiMessenger& remote, const LocalWorker& worker) {
  WorkerRank rank(environment, remote, worker);
  try {
    return rank.run();
  } catch (const std::exception& thrown) {
    // Unwinding would wait for the worker thread, which may be computing.
    const auto error = as_error(thrown);
    report_error(error.what());
    environment.abort(error.exit_code());
  }
}

ExitCode run_as_rank(const RunOptions& options, const RankRoles& roles) {
  require_threads(n_threads_beside_main(options.threads.value_or(1)) + kThreadsOfMpi);
  const std::chrono::seconds silence(options.rank_timeout);
  MpiEnvironment mpi;
  // A stop is only noted here. Rank 0 knows whether there is something to lose, and ends the others.
  if (mpi.rank() > 0) only_note_stop();
  MpiMessenger remote(
      mpi, {.interval = std::min(kLongestInterval, std::chrono::milliseconds(silence) / kSignsOfLife),
            .silence = silence,
            .first_silence = std::chrono::seconds(options.start_timeout)});
  const auto place = mpi.place_on_host(mpi.rank() > 0 || !options.dedicated_coordinator);
  try {
    use_threads_of_libtorch(threads_of(options, place));
    const auto code =
        mpi.rank() == 0 ? roles.coordinate(mpi, remote, place) : serve(mpi, remote, roles.worker(mpi, place));
    mpi.finalize();
    return code;
  } catch (const std::exception& thrown) {
    const auto error = as_error(thrown);
    report_error(error.what());
    mpi.abort(error.exit_code());
  }
}

void while_others_wait(MpiEnvironment& environment, MpiMessenger& remote, const std::function<void()>& work) {
  try {
    work();
  } catch (const std::exception& thrown) {
    const auto error = as_error(thrown);
    report_error(error.what());
    end_other_ranks(environment, remote, error);
    environment.finalize();
    std::_Exit(static_cast<int>(error.exit_code()));  // without waiting for a worker thread that may be
                                                      // computing
  }
}

}  // namespace kvcompare
