// The merge loop of byte-pair encoding, with its buffers.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/tokenizer/merge_table.h"

namespace kvcompare {

// Merges the pair of lowest rank, and of several the leftmost, until no pair merges. It uses a priority queue
// over a linked list: O(n log n). Each thread has its own.
class SymbolMerger {
 public:
  // Returns the tokens that `ids` become, valid until the next call.
  std::span<const std::uint32_t> merge(std::span<const std::uint32_t> ids, const MergeTable& merges);

  // Of each token that the last merge gave: the place of its first id in `ids`. Valid until the next call of
  // merge.
  std::span<const std::uint32_t> firsts() const { return firsts_; }

 private:
  struct Symbol {
    std::uint32_t id;
    std::int32_t previous;
    std::int32_t next;  // -1 at the ends
    bool alive;
  };
  struct Candidate {
    std::uint64_t rank_and_position;  // rank << 32 | position of the left symbol
    std::uint32_t left;               // the two ids when the candidate was found; it is stale if they have
                                      // changed
    std::uint32_t right;
    std::uint32_t merged;
  };

  Symbol& at(std::int32_t position) { return symbols_[static_cast<std::size_t>(position)]; }
  void fill(std::span<const std::uint32_t> ids);
  bool add_candidate(std::int32_t left, const MergeTable& merges);
  Candidate take_best();
  bool apply(const Candidate& candidate);

  std::vector<Symbol> symbols_;
  std::vector<Candidate> heap_;
  std::vector<std::uint32_t> merged_;
  std::vector<std::uint32_t> firsts_;
};

}  // namespace kvcompare
