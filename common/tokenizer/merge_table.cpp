#include "common/tokenizer/merge_table.h"

#include <bit>

namespace kvcompare {

MergeTable::MergeTable(std::size_t n_merges)
    : slots_(std::bit_ceil(2 * n_merges + 2)),
      mask_(slots_.size() - 1),
      shift_(64 - std::countr_zero(slots_.size())) {}

void MergeTable::insert(std::uint32_t left, std::uint32_t right, Merge merge) {
  const std::uint64_t key = key_of(left, right);
  std::size_t i = slot_of(key);
  while (slots_[i].key != kFree && slots_[i].key != key) i = (i + 1) & mask_;
  slots_[i] = {key, merge};
}

}  // namespace kvcompare
