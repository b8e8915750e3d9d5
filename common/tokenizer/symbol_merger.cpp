#include "common/tokenizer/symbol_merger.h"

#include <algorithm>
#include <limits>

#include "common/errors.h"

namespace kvcompare {
namespace {

constexpr auto kComesLater = [](const auto& a, const auto& b) {
  return a.rank_and_position > b.rank_and_position;
};

template <class Candidate>
std::int32_t position_of(const Candidate& candidate) {
  return static_cast<std::int32_t>(candidate.rank_and_position & 0xFFFFFFFFU);
}

}  // namespace

void SymbolMerger::fill(std::span<const std::uint32_t> ids) {
  require(ids.size() < static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()),
          "a piece of 2^31 characters or more");
  symbols_.clear();
  const auto n = static_cast<std::int32_t>(ids.size());
  for (std::int32_t i = 0; i < n; ++i) {
    symbols_.push_back({ids[static_cast<std::size_t>(i)], i - 1, i + 1 < n ? i + 1 : -1, true});
  }
}

bool SymbolMerger::add_candidate(std::int32_t left, const MergeTable& merges) {
  const Symbol& symbol = at(left);
  if (symbol.next < 0) return false;
  const std::uint32_t right_id = at(symbol.next).id;
  const Merge* merge = merges.find(symbol.id, right_id);
  if (merge == nullptr) return false;
  const std::uint64_t key = std::uint64_t{merge->rank} << 32 | static_cast<std::uint32_t>(left);
  heap_.push_back({key, symbol.id, right_id, merge->id});
  return true;
}

SymbolMerger::Candidate SymbolMerger::take_best() {
  std::pop_heap(heap_.begin(), heap_.end(), kComesLater);
  const Candidate best = heap_.back();
  heap_.pop_back();
  return best;
}

// False, without a merge, if one of the two symbols has changed since the candidate was found.
bool SymbolMerger::apply(const Candidate& candidate) {
  Symbol& left = at(position_of(candidate));
  if (!left.alive || left.id != candidate.left || left.next < 0) return false;
  Symbol& right = at(left.next);
  if (right.id != candidate.right) return false;
  left.id = candidate.merged;
  left.next = right.next;
  right.alive = false;
  if (left.next >= 0) at(left.next).previous = position_of(candidate);
  return true;
}

std::span<const std::uint32_t> SymbolMerger::merge(std::span<const std::uint32_t> ids,
                                                   const MergeTable& merges) {
  firsts_.assign(ids.empty() ? 0 : 1, 0);
  if (ids.size() < 2) return ids;
  fill(ids);
  heap_.clear();
  for (std::size_t i = 0; i < ids.size(); ++i) add_candidate(static_cast<std::int32_t>(i), merges);
  std::make_heap(heap_.begin(), heap_.end(), kComesLater);
  while (!heap_.empty()) {
    const Candidate best = take_best();
    if (!apply(best)) continue;
    for (const std::int32_t left : {at(position_of(best)).previous, position_of(best)}) {
      if (left >= 0 && add_candidate(left, merges)) std::push_heap(heap_.begin(), heap_.end(), kComesLater);
    }
  }
  merged_.clear();
  firsts_.clear();
  for (std::int32_t i = 0; i >= 0; i = at(i).next) {
    merged_.push_back(at(i).id);
    firsts_.push_back(static_cast<std::uint32_t>(i));
  }
  return merged_;
}

}  // namespace kvcompare
