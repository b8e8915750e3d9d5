// A Messenger to ranks that compute nothing, on a virtual clock: what they send is as large as what real
// ranks send, and comes when real ranks would send it. So a coordinator can be seen with thousands of ranks.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <queue>
#include <string>
#include <vector>

#include "common/messages/messenger.h"

namespace kvcompare {

struct VirtualRun {
  int n_ranks = 0;
  std::int64_t n_tokens_at_once = 0;  // of each rank; see Hello
  double latency = 0.0005;            // seconds that a message takes
  double sync_seconds = 0.005;        // that the journal waits for the disk
  // Virtual seconds for a CPU second that the coordinator takes. 0: it takes no time at all, and the run is
  // the same every time.
  double coordinator_share = 1;
  std::function<double(UnitId)> unit_seconds;
  std::function<UnitResult(UnitId, double seconds)> result;
};

// A rank evaluates what it has in hand, unit by unit. It sends the results of an assignment when those of the
// assignment before are acknowledged, and twice a second how far it is.
class VirtualRanks : public Messenger {
 public:
  explicit VirtualRanks(VirtualRun run);

  void send(Rank to, Message message) override;
  std::optional<Envelope> receive(std::chrono::milliseconds timeout) override;

  double now() const { return now_; }  // virtual seconds
  double makespan() const { return last_result_; }
  double work() const { return work_; }                    // seconds of all units
  double coordinator_seconds() const { return cpu_; }      // CPU, with encoding and decoding
  std::int64_t n_messages() const { return n_messages_; }  // both ways
  std::int64_t n_bytes() const { return n_bytes_; }        // of them, encoded
  std::int64_t n_syncs() const { return n_syncs_; }

 private:
  struct Event {
    enum class Kind { kAssigned, kEvaluated, kAcknowledged, kTold, kStopped, kArrives };
    double time = 0;
    std::int64_t number = 0;  // of two at the same time the earlier made comes first
    Kind kind{};
    std::size_t rank = 0;
    std::int64_t n = 0;         // results that are acknowledged
    std::vector<UnitId> units;  // that were assigned
    Message message;            // that arrives at the coordinator
  };
  struct Later {
    bool operator()(const Event& a, const Event& b) const {
      return a.time != b.time ? a.time > b.time : a.number > b.number;
    }
  };
  struct RankState {
    std::deque<std::vector<UnitId>> in_hand;  // not begun
    std::vector<UnitId> under_way;
    double began = 0, ends = 0;
    bool is_evaluated = false;  // what is under way, but the results before are not acknowledged
    std::int64_t n_unacknowledged = 0;
    bool is_stopped = false, has_left = false;
  };

  void at(double time, Event event);
  void to_coordinator(std::size_t rank, Message message);
  void happen(Event event);
  void begin(std::size_t rank);
  void deliver(std::size_t rank);
  void charge();  // the coordinator for the CPU time since resume()
  void resume();

  VirtualRun run_;
  std::vector<RankState> ranks_;
  std::priority_queue<Event, std::vector<Event>, Later> events_;
  std::deque<Event> arrived_;
  std::int64_t n_events_ = 0, n_messages_ = 0, n_bytes_ = 0, n_syncs_ = 0;
  double now_ = 0, last_result_ = 0, work_ = 0, cpu_ = 0, resumed_at_ = 0;
  bool has_results_ = false;  // that the journal has not been synced for
};

}  // namespace kvcompare
