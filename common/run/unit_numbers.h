// The numbers of an evaluated unit. Messages, the journal, the table of units, sums over samples,
// samples.csv, detailed_results.json and results.h5 take them from the structs below. A new number is a new
// member and its line in kFields, and nothing else but the code that computes it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace kvcompare {

// The files that hold a number of a unit. Each value stands for its own file and those before it.
enum class ShownIn {
  kJournal,
  kHdf5,     // results.h5, /units
  kSamples,  // samples.csv, and per_sample in detailed_results.json
};

enum class OverSamples {
  kSum,
  kLargest,
  kSumWhereThere,  // of a group: samples without it count as nothing
};

// What is said of a member of the structs below.
struct UnitNumber {
  const char* name = "";    // its key in the journal; empty if it follows from what else stands there
  const char* column = "";  // its name in the files that show it
  const char* unit = "";    // of measurement
  ShownIn shown_in = ShownIn::kSamples;
  OverSamples over_samples = OverSamples::kSum;
};

inline constexpr UnitNumber kGroup{};  // a struct with numbers of its own, or an optional one
inline constexpr UnitNumber kGroupOfSome{.over_samples = OverSamples::kSumWhereThere};

// Counts of keys of one sample, over all layers and KV heads. Definitions: docs/semantics.md, section 4.
struct KeyCounts {
  std::int64_t original = 0;              // n_tokens * n_layers * n_kv_heads
  std::int64_t kept = 0;                  // alive after the last event
  std::int64_t attended = 0;              // keys seen by all queries
  std::int64_t attendable = 0;            // keys they would have seen without eviction
  std::int64_t withheld_from_scored = 0;  // attendable - attended of the queries whose prediction is scored
  std::int64_t compressible = 0;          // keys with n_sink <= j < n_tokens - window
  std::int64_t compressible_kept = 0;
  std::int64_t peak = 0;  // most keys cached at once

  static constexpr std::array kFields{
      UnitNumber{"original", "keys_original", "keys"},
      UnitNumber{"", "keys_kept", "keys"},  // the sum of kept_per_head
      UnitNumber{"attended", "attended", "query-key pairs", ShownIn::kHdf5},
      UnitNumber{"attendable", "attendable", "query-key pairs", ShownIn::kHdf5},
      UnitNumber{"withheld_from_scored", "withheld_from_scored", "query-key pairs", ShownIn::kJournal},
      UnitNumber{"compressible", "compressible", "keys", ShownIn::kHdf5},
      UnitNumber{"compressible_kept", "compressible_kept", "keys", ShownIn::kHdf5},
      UnitNumber{"peak", "peak_keys", "keys", ShownIn::kSamples, OverSamples::kLargest}};
  friend bool operator==(const KeyCounts&, const KeyCounts&) = default;
};

// Of scored tokens, what needs no baseline. Definitions: docs/semantics.md, section 5.
struct AnswerCounts {
  std::int64_t greedy_hits = 0;  // tokens that are the most likely ones
  std::int64_t spans = 0;        // scored ranges that the sample names
  std::int64_t spans_exact = 0;  // those of which every token is a greedy hit

  static constexpr std::array kFields{UnitNumber{"greedy_hits", "greedy_hits", "tokens"},
                                      UnitNumber{"spans", "spans", "ranges"},
                                      UnitNumber{"spans_exact", "spans_exact", "ranges"}};
  friend bool operator==(const AnswerCounts&, const AnswerCounts&) = default;
};

// Of the scored ranges that have evidence, how much of it their first query sees. A key is a (layer, KV head,
// token). Definitions: docs/semantics.md, section 5.
struct EvidenceCounts {
  std::int64_t spans = 0;        // scored ranges that have evidence
  std::int64_t spans_exact = 0;  // those that are exact; the others are missed
  std::int64_t keys = 0;         // of the evidence of all these ranges
  std::int64_t keys_kept = 0;    // those that the query before the range sees
  std::int64_t keys_exact = 0;   // the same two, of exact ranges
  std::int64_t keys_kept_exact = 0;
  std::int64_t spans_missed_evicted = 0;  // missed ranges of whose keys fewer than half are kept

  std::int64_t spans_missed_kept() const { return spans - spans_exact - spans_missed_evicted; }

  static constexpr std::array kFields{
      UnitNumber{"evidence_spans", "evidence_spans", "ranges"},
      UnitNumber{"evidence_spans_exact", "evidence_spans_exact", "ranges"},
      UnitNumber{"evidence_keys", "evidence_keys", "keys"},
      UnitNumber{"evidence_keys_kept", "evidence_keys_kept", "keys"},
      UnitNumber{"evidence_keys_exact", "evidence_keys_exact", "keys"},
      UnitNumber{"evidence_keys_kept_exact", "evidence_keys_kept_exact", "keys"},
      UnitNumber{"spans_missed_evicted", "spans_missed_evicted", "ranges"}};
  friend bool operator==(const EvidenceCounts&, const EvidenceCounts&) = default;
};

// Sums over scored tokens of what compares the method's distribution p with the baseline's p0 on the same
// sample. Definitions: docs/semantics.md, section 5.
struct Divergence {
  double sum_kl = 0;                     // nats
  double sum_acceptance = 0;             // of sum over v of min(p(v), p0(v))
  double sum_delta_p = 0;                // of p - p0 of the true token
  double sum_delta_p_squared = 0;        // of (p - p0)^2 of the true token
  std::int64_t n_same_top1 = 0;          // tokens of which both have the same most likely one
  std::int64_t n_delta_nll_above_1 = 0;  // tokens whose NLL is more than 1 nat above the baseline's
  std::int64_t n_delta_nll_above_3 = 0;

  static constexpr std::array kFields{
      UnitNumber{"sum_kl", "sum_kl", "nats", ShownIn::kHdf5},
      UnitNumber{"sum_acceptance", "sum_acceptance", "probability", ShownIn::kHdf5},
      UnitNumber{"sum_delta_p", "sum_delta_p", "probability", ShownIn::kHdf5},
      UnitNumber{"sum_delta_p_squared", "sum_delta_p_squared", "probability squared", ShownIn::kHdf5},
      UnitNumber{"n_same_top1", "n_same_top1", "tokens", ShownIn::kHdf5},
      UnitNumber{"n_delta_nll_above_1", "n_delta_nll_above_1", "tokens", ShownIn::kHdf5},
      UnitNumber{"n_delta_nll_above_3", "n_delta_nll_above_3", "tokens", ShownIn::kHdf5}};
  friend bool operator==(const Divergence&, const Divergence&) = default;
};

struct UnitNumbers {
  std::int64_t n_tokens = 0;  // of the sample, after truncation
  double total_nll = 0;       // nats: the sum of token_nll over the scored tokens, in order
  KeyCounts keys{};
  std::int64_t n_unscored = 0;               // predicted tokens whose prediction does not count
  std::int64_t scored_bytes = 0;             // UTF-8 of the text of the scored tokens; 0: they have no text
  std::int64_t scored_words = 0;             // of that text
  std::optional<AnswerCounts> answers{};     // absent: evaluated before kvcompare counted them
  std::optional<Divergence> divergence{};    // absent: the same, or the baseline, or with no_divergence
  std::optional<EvidenceCounts> evidence{};  // absent: no scored range has any, or it was not counted yet

  static constexpr std::array kFields{UnitNumber{"n_tokens", "n_tokens", "tokens", ShownIn::kHdf5},
                                      UnitNumber{"total_nll", "total_nll", "nats"},
                                      kGroup,
                                      UnitNumber{"n_unscored", "n_unscored", "tokens", ShownIn::kJournal},
                                      UnitNumber{"scored_bytes", "scored_bytes", "bytes", ShownIn::kHdf5},
                                      UnitNumber{"scored_words", "scored_words", "words", ShownIn::kHdf5},
                                      kGroup,
                                      kGroup,
                                      kGroupOfSome};
  friend bool operator==(const UnitNumbers&, const UnitNumbers&) = default;

  // Tokens whose prediction counts: those that are predicted are all but the first.
  std::int64_t n_scored() const { return n_tokens - 1 - n_unscored; }
  // Share of the (query, key) pairs that are computed; not a number if there are no pairs.
  double attended_density() const {
    return static_cast<double>(keys.attended) / static_cast<double>(keys.attendable);
  }
};

// Adds a sample's numbers to those of samples before it; of the first sample they are a copy. A group that is
// absent in one of the samples is absent in the sums, unless it is one that only some samples have.
void add(UnitNumbers& sums, const UnitNumbers& unit);

}  // namespace kvcompare
