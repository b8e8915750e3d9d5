// How a sample is cut into chunks, and after which of them keys may be evicted. Engines, schedules, the
// counting of keys and the cost model go by it. Definition: docs/semantics.md, section 1.
#pragma once

#include <cstdint>
#include <optional>

#include "common/run/protocol.h"

namespace kvcompare {

// An event: the first n tokens have passed the layer. At the event before, n_previous tokens had passed (0 at
// the first event).
struct Event {
  std::int64_t n_previous = 0;
  std::int64_t n = 0;
};

// Three stretches of a sample, each of which may be empty:
//   [0, events_from)             one chunk that no event follows; its keys are never evicted
//   [events_from, events_until)  chunks of chunk_size tokens, the last of which may be shorter; event e
//   follows
//                                the e-th of them
//   [events_until, n_tokens)     chunks of one token that no event follows
// n_tokens, chunk_size >= 1; 0 <= events_from <= events_until <= n_tokens. {n_tokens, chunk_size} is the
// protocol decode.
struct Chunking {
  std::int64_t n_tokens = 0;
  std::int64_t chunk_size = 1;
  std::int64_t events_from = 0;
  std::int64_t events_until = n_tokens;
  std::int64_t n_uncounted = 0;  // first tokens whose keys no budget counts
  friend bool operator==(const Chunking&, const Chunking&) = default;

  std::int64_t n_events() const {
    return events_until > events_from ? (events_until - events_from - 1) / chunk_size + 1 : 0;
  }
  // How many tokens have passed at event e.
  std::int64_t n_at(std::int64_t e) const {
    return e + 1 < n_events() ? events_from + (e + 1) * chunk_size : events_until;
  }
  Event event(std::int64_t e) const { return {.n_previous = e == 0 ? 0 : n_at(e - 1), .n = n_at(e)}; }
  // How many events there have been when n tokens have passed, with the event at n if there is one.
  std::int64_t n_events_by(std::int64_t n) const {
    if (n <= events_from) return 0;
    return n < events_until ? (n - events_from) / chunk_size : n_events();
  }
  // The event at n; absent if none comes just when n tokens have passed.
  std::optional<std::int64_t> event_at(std::int64_t n) const {
    const auto e = n_events_by(n) - 1;
    return e >= 0 && n_at(e) == n ? std::optional(e) : std::nullopt;
  }
  // The end of the chunk that begins at token `begin`.
  std::int64_t chunk_end(std::int64_t begin) const {
    if (begin < events_from) return events_from;
    if (begin >= events_until) return begin + 1;
    return begin + chunk_size < events_until ? begin + chunk_size : events_until;
  }
  std::int64_t n_chunks() const { return (events_from > 0 ? 1 : 0) + n_events() + (n_tokens - events_until); }
  // The first query that does not see a key that dies at event `death`; n_tokens if every query from the key
  // on sees it, as it is if there is no such event. So query i sees key j if and only if j <= i <
  // sees_until(death[j]).
  std::int64_t sees_until(std::int64_t death) const { return death < n_events() ? n_at(death) : n_tokens; }
};

// How a sample of n_tokens is cut. n_context: tokens of its context, which matters to the protocols prefill
// and generate; all tokens are context if it is absent or larger.
Chunking chunking_of(std::int64_t n_tokens, std::optional<std::int64_t> n_context, std::int64_t chunk_size,
                     const Protocol& protocol);

}  // namespace kvcompare
