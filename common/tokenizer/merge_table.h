// The merges of a BPE model. Each maps a pair of token ids to its rank and to the id of the merged token.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace kvcompare {

struct Merge {
  std::uint32_t rank;  // the pair of lowest rank merges first
  std::uint32_t id;    // the merged token
};

// A hash table with open addressing and linear probing, at most half full.
class MergeTable {
 public:
  explicit MergeTable(std::size_t n_merges);

  // If the pair is there already, it takes the new rank.
  void insert(std::uint32_t left, std::uint32_t right, Merge merge);

  // nullptr if the pair does not merge.
  const Merge* find(std::uint32_t left, std::uint32_t right) const {
    const std::uint64_t key = key_of(left, right);
    for (std::size_t i = slot_of(key);; i = (i + 1) & mask_) {
      if (slots_[i].key == key) return &slots_[i].merge;
      if (slots_[i].key == kFree) return nullptr;
    }
  }

 private:
  static constexpr std::uint64_t kFree = ~std::uint64_t{0};  // no pair has this key, because ids are below
                                                             // 2^31
  struct Slot {
    std::uint64_t key = kFree;
    Merge merge{};
  };

  static std::uint64_t key_of(std::uint32_t left, std::uint32_t right) {
    return std::uint64_t{left} << 32 | right;
  }
  std::size_t slot_of(std::uint64_t key) const { return (key * 0x9E3779B97F4A7C15ULL) >> shift_; }

  std::vector<Slot> slots_;
  std::size_t mask_;
  int shift_;
};

}  // namespace kvcompare
