#include "benchmarks/virtual_ranks.h"

#include <algorithm>
#include <ctime>
#include <utility>
#include <variant>

namespace kvcompare {
namespace {

constexpr double kToldEvery = 0.5;  // seconds

double thread_cpu_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace

VirtualRanks::VirtualRanks(VirtualRun run)
    : run_(std::move(run)), ranks_(static_cast<std::size_t>(run_.n_ranks)) {
  for (std::size_t rank = 0; rank < ranks_.size(); ++rank)
    to_coordinator(rank, Hello{"node" + std::to_string(rank / 8), "cuda:" + std::to_string(rank % 8),
                               run_.n_tokens_at_once, ""});
  resume();
}

void VirtualRanks::charge() {
  const auto seconds = thread_cpu_seconds() - resumed_at_;
  cpu_ += seconds;
  now_ += run_.coordinator_share * seconds;
}

void VirtualRanks::resume() { resumed_at_ = thread_cpu_seconds(); }

void VirtualRanks::at(double time, Event event) {
  event.time = time;
  event.number = n_events_++;
  events_.push(std::move(event));
}

// Called when the rank's event happens, so that the time is that of the event.
void VirtualRanks::to_coordinator(std::size_t rank, Message message) {
  const auto time = ranks_[rank].ends;
  at(time + run_.latency,
     {.kind = Event::Kind::kArrives, .rank = rank, .units = {}, .message = std::move(message)});
}

void VirtualRanks::send(Rank to, Message message) {
  ++n_messages_;
  n_bytes_ += std::ssize(encode(message));
  charge();
  const auto rank = static_cast<std::size_t>(to.value - 1);
  if (auto* assign = std::get_if<Assign>(&message)) {
    std::vector<UnitId> units;
    for (const auto& one : assign->units) units.push_back(one.unit);
    at(now_ + run_.latency,
       {.kind = Event::Kind::kAssigned, .rank = rank, .units = std::move(units), .message = {}});
  } else if (const auto* acknowledge = std::get_if<Acknowledge>(&message)) {
    if (std::exchange(has_results_, false)) {
      now_ += run_.sync_seconds;
      ++n_syncs_;
    }
    at(now_ + run_.latency,
       {.kind = Event::Kind::kAcknowledged, .rank = rank, .n = acknowledge->n, .units = {}, .message = {}});
  } else if (std::holds_alternative<Stop>(message)) {
    at(now_ + run_.latency, {.kind = Event::Kind::kStopped, .rank = rank, .units = {}, .message = {}});
  }
  resume();
}

std::optional<Envelope> VirtualRanks::receive(std::chrono::milliseconds timeout) {
  charge();
  const auto deadline = now_ + std::chrono::duration<double>(timeout).count();
  while (arrived_.empty() && !events_.empty() && events_.top().time <= deadline) {
    auto event = events_.top();
    events_.pop();
    if (event.kind == Event::Kind::kArrives) {
      now_ = std::max(now_, event.time);
      arrived_.push_back(std::move(event));
    } else {
      happen(std::move(event));
    }
  }
  if (arrived_.empty()) {
    now_ = std::max(now_, deadline);
    resume();
    return std::nullopt;
  }
  auto event = std::move(arrived_.front());
  arrived_.pop_front();
  const auto bytes = encode(event.message);
  ++n_messages_;
  n_bytes_ += std::ssize(bytes);
  if (std::holds_alternative<UnitResult>(event.message)) {
    has_results_ = true;
    last_result_ = now_;
  }
  resume();
  return Envelope{Rank(static_cast<std::int64_t>(event.rank) + 1), decode(bytes)};
}

void VirtualRanks::happen(Event event) {
  auto& rank = ranks_[event.rank];
  switch (event.kind) {
    case Event::Kind::kAssigned:
      rank.in_hand.push_back(std::move(event.units));
      if (rank.under_way.empty()) {
        rank.ends = event.time;
        begin(event.rank);
      }
      return;
    case Event::Kind::kEvaluated:
      rank.is_evaluated = true;
      if (rank.n_unacknowledged == 0) deliver(event.rank);
      return;
    case Event::Kind::kAcknowledged:
      rank.n_unacknowledged -= event.n;
      if (!rank.is_evaluated || rank.n_unacknowledged > 0) return;
      rank.ends = event.time;
      return deliver(event.rank);
    case Event::Kind::kTold:
      if (rank.under_way.empty() || rank.under_way.front() != event.units.front() || rank.is_evaluated)
        return;
      at(event.time + run_.latency,
         {.kind = Event::Kind::kArrives,
          .rank = event.rank,
          .units = {},
          .message = WorkDone{rank.under_way.front(),
                              std::min(1.0, (event.time - rank.began) / (rank.ends - rank.began))}});
      return at(event.time + kToldEvery, std::move(event));
    case Event::Kind::kStopped:
      rank.is_stopped = true;
      rank.in_hand.clear();
      if (rank.under_way.empty()) {
        rank.ends = std::max(rank.ends, event.time);
        begin(event.rank);
      }
      return;
    case Event::Kind::kArrives:
      return;
  }
}

// What comes next, at rank.ends.
void VirtualRanks::begin(std::size_t number) {
  auto& rank = ranks_[number];
  if (rank.is_stopped) {
    if (!std::exchange(rank.has_left, true)) to_coordinator(number, Goodbye{});
    return;
  }
  if (rank.in_hand.empty()) return;
  rank.under_way = std::move(rank.in_hand.front());
  rank.in_hand.pop_front();
  rank.began = rank.ends;
  rank.is_evaluated = false;
  for (const auto unit : rank.under_way) rank.ends += run_.unit_seconds(unit);
  work_ += rank.ends - rank.began;
  at(rank.ends, {.kind = Event::Kind::kEvaluated, .rank = number, .units = {}, .message = {}});
  at(rank.began + kToldEvery,
     {.kind = Event::Kind::kTold, .rank = number, .units = {rank.under_way.front()}, .message = {}});
}

void VirtualRanks::deliver(std::size_t number) {
  auto& rank = ranks_[number];
  for (const auto unit : std::exchange(rank.under_way, {})) {
    to_coordinator(number, run_.result(unit, run_.unit_seconds(unit)));
    ++rank.n_unacknowledged;
  }
  rank.is_evaluated = false;
  begin(number);
}

}  // namespace kvcompare
