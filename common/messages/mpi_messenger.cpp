#include "common/messages/mpi_messenger.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <list>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <mpi.h>

#include "common/errors.h"
#include "common/log.h"
#include "common/messages/backoff.h"
#include "common/messages/mpi_check.h"

namespace kvcompare {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kPieceBytes = 32 << 20;
constexpr int kPieceTag = 1;  // the first 8 bytes of a message's first piece: the message's length
constexpr int kHeartbeatTag = 2;

}  // namespace

class MpiMessenger::Impl {
 public:
  Impl(const MpiEnvironment& environment, HeartbeatTimes times)
      : rank_(environment.rank()),
        times_(times),
        peers_(static_cast<std::size_t>(environment.size())),
        next_beat_(Clock::now()) {
    mpi_check(MPI_Comm_dup(MPI_COMM_WORLD, &comm_), "MPI_Comm_dup");
    mpi_check(MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    for (auto& peer : peers_) peer.heard = Clock::now();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  // The communicator ends with MPI: freeing it would be collective, and this rank may be alone here.
  ~Impl() = default;

  void send(Rank to, const Message& message) {
    require(to.value >= 0 && to.value < std::ssize(peers_), "a message to a rank that does not exist");
    auto bytes = encode(message);
    if (to.value == rank_) {
      to_self_.push_back({to, decode(bytes)});
      return;
    }
    const auto length = static_cast<std::uint64_t>(bytes.size());
    bytes.insert(0, reinterpret_cast<const char*>(&length), sizeof length);
    auto& outgoing = outgoing_.emplace_back(std::move(bytes), std::vector<MPI_Request>{});
    for (std::size_t at = 0; at < outgoing.bytes.size(); at += kPieceBytes) {
      const auto n = std::min(kPieceBytes, outgoing.bytes.size() - at);
      mpi_check(MPI_Isend(outgoing.bytes.data() + at, static_cast<int>(n), MPI_BYTE,
                          static_cast<int>(to.value), kPieceTag, comm_, &outgoing.requests.emplace_back()),
                "MPI_Isend");
    }
    complete_sends();
  }

  std::optional<Envelope> receive(std::chrono::milliseconds timeout) {
    const auto deadline = Clock::now() + timeout;
    Backoff backoff;
    for (;;) {
      forgive_own_standstill(Clock::now());
      if (auto envelope = poll()) return envelope;
      beat();
      if (const auto now = Clock::now(); now >= deadline) {
        forgive_own_standstill(now);
        check_silence(now);
        return std::nullopt;
      }
      backoff.wait();
    }
  }

  bool all_were_alive_at(Clock::time_point time) const {
    return std::all_of(peers_.begin() + 1, peers_.end(),
                       [&](const Peer& peer) { return peer.is_released || peer.heard > time; });
  }

  void release(Rank rank) { peer(rank.value).is_released = true; }

  bool flush(std::chrono::milliseconds timeout) {
    const auto deadline = Clock::now() + timeout;
    for (Backoff backoff; !outgoing_.empty(); backoff.wait()) {
      if (Clock::now() >= deadline) return false;
      complete_sends();
    }
    return true;
  }

 private:
  struct Outgoing {
    std::string bytes;
    std::vector<MPI_Request> requests;
  };

  struct Peer {
    std::string incoming;        // of the message whose pieces are arriving
    std::size_t n_expected = 0;  // bytes of it; 0 between messages
    Clock::time_point heard;
    bool was_heard = false;
    bool is_released = false;
  };

  Peer& peer(std::int64_t rank) { return peers_[static_cast<std::size_t>(rank)]; }

  // What has arrived is taken until it makes a message.
  std::optional<Envelope> poll() {
    complete_sends();
    if (!to_self_.empty()) {
      auto envelope = std::move(to_self_.front());
      to_self_.pop_front();
      return envelope;
    }
    for (;;) {
      int has_arrived = 0;
      MPI_Status status;
      mpi_check(MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, comm_, &has_arrived, &status), "MPI_Iprobe");
      if (!has_arrived) return std::nullopt;
      if (auto envelope = take(status)) return envelope;
    }
  }

  std::optional<Envelope> take(const MPI_Status& status) {
    int n_bytes = 0;
    mpi_check(MPI_Get_count(&status, MPI_BYTE, &n_bytes), "MPI_Get_count");
    auto& from = peer(status.MPI_SOURCE);
    from.heard = Clock::now();
    from.was_heard = true;
    const auto n_before = from.incoming.size();
    if (status.MPI_TAG == kPieceTag) from.incoming.resize(n_before + static_cast<std::size_t>(n_bytes));
    mpi_check(MPI_Recv(from.incoming.data() + n_before, n_bytes, MPI_BYTE, status.MPI_SOURCE, status.MPI_TAG,
                       comm_, MPI_STATUS_IGNORE),
              "MPI_Recv");
    if (status.MPI_TAG == kHeartbeatTag) return std::nullopt;
    std::uint64_t length = 0;
    if (from.n_expected == 0) {
      std::memcpy(&length, from.incoming.data(), sizeof length);
      from.n_expected = sizeof length + length;
      from.incoming.reserve(from.n_expected);
    }
    if (from.incoming.size() < from.n_expected) return std::nullopt;
    from.n_expected = 0;
    const auto bytes = std::exchange(from.incoming, {});
    return Envelope{Rank(status.MPI_SOURCE), decode(std::string_view(bytes).substr(sizeof length))};
  }

  // Those that the deadlines are about: rank 0 for the others, the others for rank 0.
  template <class Function>
  void for_each_peer(Function function) {
    for (std::int64_t r = 0; r < std::ssize(peers_); ++r)
      if ((rank_ == 0) != (r == 0) && !peer(r).is_released) function(r);
  }

  // While this process stood still (SIGSTOP, a suspended batch job) it heard nobody, and that says nothing of
  // the others: they were perhaps stopped with it.
  void forgive_own_standstill(Clock::time_point now) {
    const auto before = std::exchange(last_turn_, now);
    if (!before || now - *before <= times_.silence / 2) return;
    const auto seconds = std::chrono::floor<std::chrono::seconds>(now - *before).count();
    log_warning("rank " + std::to_string(rank_) + " has stood still for " + std::to_string(seconds) +
                " s: it was stopped (SIGSTOP, a suspended job), or waited for a disk. Other ranks may have "
                "given it up "
                "(--rank_timeout)");
    for (auto& peer : peers_) peer.heard += now - *before;
  }

  void beat() {
    const auto now = Clock::now();
    if (now < next_beat_) return;
    next_beat_ = now + times_.interval;
    for_each_peer([&](std::int64_t r) {
      auto& outgoing = outgoing_.emplace_back();
      mpi_check(MPI_Isend(nullptr, 0, MPI_BYTE, static_cast<int>(r), kHeartbeatTag, comm_,
                          &outgoing.requests.emplace_back()),
                "MPI_Isend");
    });
  }

  void check_silence(Clock::time_point now) {
    for_each_peer([&](std::int64_t r) {
      const auto limit = peer(r).was_heard ? times_.silence : times_.first_silence;
      if (now - peer(r).heard > limit)
        throw RankSilent(Rank(r), "rank " + std::to_string(r) + " has not been heard of for " +
                                      std::to_string(limit.count() / 1000) +
                                      " s: it hangs, was stopped, or its host or network is down; the run "
                                      "ends here and can be continued with --resume");
    });
  }

  void complete_sends() {
    for (auto outgoing = outgoing_.begin(); outgoing != outgoing_.end();) {
      int is_complete = 0;
      mpi_check(MPI_Testall(static_cast<int>(outgoing->requests.size()), outgoing->requests.data(),
                            &is_complete, MPI_STATUSES_IGNORE),
                "MPI_Testall");
      outgoing = is_complete ? outgoing_.erase(outgoing) : std::next(outgoing);
    }
  }

  const int rank_;
  const HeartbeatTimes times_;
  MPI_Comm comm_ = MPI_COMM_NULL;
  std::vector<Peer> peers_;  // by rank
  std::list<Outgoing> outgoing_;
  std::deque<Envelope> to_self_;
  Clock::time_point next_beat_;
  std::optional<Clock::time_point> last_turn_;  // of the loop in receive
};

MpiMessenger::MpiMessenger(const MpiEnvironment& environment, HeartbeatTimes times)
    : impl_(std::make_unique<Impl>(environment, times)) {}

MpiMessenger::~MpiMessenger() = default;

bool MpiMessenger::all_were_alive_at(std::chrono::steady_clock::time_point time) const {
  return impl_->all_were_alive_at(time);
}

void MpiMessenger::send(Rank to, Message message) { impl_->send(to, message); }

std::optional<Envelope> MpiMessenger::receive(std::chrono::milliseconds timeout) {
  return impl_->receive(timeout);
}

void MpiMessenger::release(Rank rank) { impl_->release(rank); }

bool MpiMessenger::flush(std::chrono::milliseconds timeout) { return impl_->flush(timeout); }

}  // namespace kvcompare
