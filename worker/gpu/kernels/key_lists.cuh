// Lists the keys that the queries of a tile see, while the tile's block works through them.
#pragma once

#include "worker/gpu/kernels/key_tiles.h"

namespace kvcompare {

constexpr int kListingThreads = 256;  // threads of a block that has lists, unless it says otherwise
constexpr int kListingBarrier = 1;
constexpr int kPositionsPerThread = 4;

// The memory of the lists, in shared memory. More positions are examined only when both lists hold less than
// a step.
template <int n_keys, int n_threads = kListingThreads>
struct KeyListMemory {
  static constexpr int kWarps = n_threads / 32;
  static constexpr int kPositionsAtOnce = n_threads * kPositionsPerThread;
  static constexpr int kCapacity = kPositionsAtOnce + n_keys;

  KeyInterval partly[kCapacity];
  int whole[kCapacity];
  int n_whole[kWarps];  // found by each warp in the positions examined last
  int n_partly[kWarps];
};

// Both lists are rings, ascending by position. The first n_threads of the block call every member together,
// and get the same results.
template <int n_keys, int n_threads = kListingThreads>
class KeyLists {
 public:
  //   until : [n_tokens], of the tile's KV head
  KVCOMPARE_DEVICE KeyLists(KeyListMemory<n_keys, n_threads>& memory, const std::int32_t* until,
                            QueryTile tile)
      : memory_(memory), until_(until), tile_(tile) {
    load_until();
  }

  // The next step of keys; empty when there are none left. The lists change only after a barrier, so a thread
  // may call this while others still read the keys of the step before.
  KVCOMPARE_DEVICE KeyStep next() {
    whole_ = wrapped(whole_ + step_.n_whole);
    partly_ = wrapped(partly_ + step_.n_partly);
    n_whole_ -= step_.n_whole;
    n_partly_ -= step_.n_partly;
    while (n_whole_ < n_keys && n_partly_ < n_keys && position_ <= tile_.last) list_more();
    step_ = next_step(n_whole_, n_partly_, n_keys);
    return step_;
  }

  // Key number t < n_keys of the step; empty if the step has fewer.
  KVCOMPARE_DEVICE KeyInterval key(int t) const {
    if (t < step_.n_whole) return {memory_.whole[wrapped(whole_ + t)], INT32_MAX};
    if (t < step_.n_keys()) return memory_.partly[wrapped(partly_ + t - step_.n_whole)];
    return {0, 0};
  }

 private:
  using Memory = KeyListMemory<n_keys, n_threads>;

  KVCOMPARE_DEVICE static int wrapped(int i) { return i < Memory::kCapacity ? i : i - Memory::kCapacity; }

  // The i-th position of this thread, from position_ on: a warp takes neighbouring positions, a lane every
  // 32nd of them.
  KVCOMPARE_DEVICE int position(int i) const {
    return position_ + (gpu::warp() * kPositionsPerThread + i) * 32 + gpu::lane();
  }

  // Loads `until` of the next positions, long before they are examined.
  KVCOMPARE_DEVICE void load_until() {
    for (int i = 0; i < kPositionsPerThread; ++i)
      loaded_until_[i] = position(i) <= tile_.last ? until_[position(i)] : 0;
  }

  KVCOMPARE_DEVICE void list_more() {
    std::uint32_t whole[kPositionsPerThread], partly[kPositionsPerThread];
    int n_whole = 0, n_partly = 0;
    for (int i = 0; i < kPositionsPerThread; ++i) {
      const auto list =
          position(i) <= tile_.last ? list_of({position(i), loaded_until_[i]}, tile_) : KeyList::kNone;
      whole[i] = gpu::ballot(list == KeyList::kWhole);
      partly[i] = gpu::ballot(list == KeyList::kPartly);
      n_whole += gpu::count_bits(whole[i]);
      n_partly += gpu::count_bits(partly[i]);
    }
    if (gpu::lane() == 0) {
      memory_.n_whole[gpu::warp()] = n_whole;
      memory_.n_partly[gpu::warp()] = n_partly;
    }
    gpu::sync_threads(kListingBarrier, n_threads);
    append(whole, partly);
    gpu::sync_threads(kListingBarrier, n_threads);
    position_ += Memory::kPositionsAtOnce;
    load_until();
  }

  KVCOMPARE_DEVICE void append(const std::uint32_t (&whole)[kPositionsPerThread],
                               const std::uint32_t (&partly)[kPositionsPerThread]) {
    int to_whole = 0, to_partly = 0, n_whole = 0, n_partly = 0;
    for (int w = 0; w < Memory::kWarps; ++w) {
      if (w == gpu::warp()) {
        to_whole = n_whole;
        to_partly = n_partly;
      }
      n_whole += memory_.n_whole[w];
      n_partly += memory_.n_partly[w];
    }
    to_whole += whole_ + n_whole_;
    to_partly += partly_ + n_partly_;
    const auto own = std::uint32_t{1} << gpu::lane();
    for (int i = 0; i < kPositionsPerThread; ++i) {
      if (whole[i] & own)
        memory_.whole[wrapped(to_whole + gpu::count_bits(whole[i] & (own - 1)))] = position(i);
      if (partly[i] & own)
        memory_.partly[wrapped(to_partly + gpu::count_bits(partly[i] & (own - 1)))] = {position(i),
                                                                                       loaded_until_[i]};
      to_whole += gpu::count_bits(whole[i]);
      to_partly += gpu::count_bits(partly[i]);
    }
    n_whole_ += n_whole;
    n_partly_ += n_partly;
  }

  Memory& memory_;
  const std::int32_t* until_;
  const QueryTile tile_;
  int whole_ = 0, partly_ = 0;      // where the lists begin
  int n_whole_ = 0, n_partly_ = 0;  // how many keys they have
  KeyStep step_;                    // the current step
  int position_ = 0;                // positions below this have been examined
  std::int32_t loaded_until_[kPositionsPerThread];
};

}  // namespace kvcompare
