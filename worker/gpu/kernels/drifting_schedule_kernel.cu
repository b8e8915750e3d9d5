#include <algorithm>
#include <cmath>

#include "worker/gpu/kernels/drifting_schedule_kernel.h"
#include "worker/gpu/kernels/gpu.cuh"
#include "worker/gpu/kernels/layer_deaths.cuh"
#include "worker/gpu/kernels/over_block.cuh"

namespace kvcompare {
namespace {

constexpr int kThreads = 256;
// Of a KV head: each may have 128 registers.
constexpr int kScanThreads = 512;

// Four numbers of neighbouring places, which one thread reads and writes at once.
template <class T>
struct alignas(4 * sizeof(T)) Four {
  T values[4];
};

// ---- StartDrifting

// One warp a token of a KV head, heads along y.
template <class T>
KVCOMPARE_KERNEL void start_drifting(StartDrifting<T> task) {
  const auto kv_head = static_cast<std::int64_t>(gpu::block_y());
  const auto capacity = task.candidates.capacity;
  const auto first = static_cast<std::int64_t>(gpu::block_x()) * gpu::n_threads() + gpu::thread();
  for (auto place = first; place < capacity; place += std::int64_t{gpu::n_blocks_x()} * gpu::n_threads())
    task.candidates.positions[kv_head * capacity + place] = kNoKey;

  const auto token = static_cast<std::int64_t>(gpu::block_x()) * (gpu::n_threads() / 32) + gpu::warp();
  if (token >= task.layer.n_tokens) return;
  const auto* v = task.v + token * task.stride + kv_head * task.shape.d_head;
  double squares = 0;
  for (int c = gpu::lane(); task.use_vnorm && c < task.shape.d_head; c += 32) {
    const auto x = static_cast<double>(static_cast<float>(v[c]));
    squares += x * x;
  }
  squares = over_warp(squares, Sum());
  if (gpu::lane() != 0) return;
  task.log_vnorm[kv_head * task.layer.n_tokens + token] =
      task.use_vnorm ? static_cast<float>(log(squares) / 2) : 0.0F;
  keep(task.layer, kv_head, token);
}

// ---- EvictLowest

// Sum over the keys of exp(z - largest).
struct Softmax {
  float largest;
  double sum;
};

// Of the block: over the keys that are there at positions < n. The exponentials are float, their sum is
// double: one that is taken away later leaves the sum of the others, as if it had never been in it.
//   z, positions : n_fours
//   parts        : shared memory, 8 bytes a warp
KVCOMPARE_DEVICE Softmax softmax(const Four<float>* z, const Four<std::int32_t>* positions, int n_fours,
                                 int n, std::uint64_t* parts) {
  float largest = -INFINITY;
  for (int i = gpu::thread(); i < n_fours; i += gpu::n_threads()) {
    const auto at = positions[i];
    const auto here = z[i];
    for (int j = 0; j < 4; ++j)
      if (at.values[j] < n) largest = fmaxf(largest, here.values[j]);
  }
  largest = over_block(largest, Largest(), reinterpret_cast<float*>(parts));
  double sum = 0;
  for (int i = gpu::thread(); i < n_fours; i += gpu::n_threads()) {
    const auto at = positions[i];
    const auto here = z[i];
    for (int j = 0; j < 4; ++j)
      if (at.values[j] < n) sum += static_cast<double>(expf(here.values[j] - largest));
  }
  return {largest, over_block(sum, Sum(), reinterpret_cast<double*>(parts))};
}

// One block a row of z, KV heads along y.
KVCOMPARE_KERNEL void softmax_sums(EvictLowest task) {
  const auto kv_head = static_cast<std::int64_t>(gpu::block_y());
  const int group = static_cast<int>(task.shape.n_heads / task.shape.n_kv_heads);
  const auto row = kv_head * task.events.n_events * group + gpu::block_x();
  const auto found = softmax(reinterpret_cast<const Four<float>*>(task.z + row * task.n_places),
                             reinterpret_cast<const Four<std::int32_t>*>(task.candidates.positions +
                                                                         kv_head * task.candidates.capacity),
                             static_cast<int>(task.n_places / 4), task.events.n[gpu::block_x() / group],
                             reinterpret_cast<std::uint64_t*>(gpu::shared_memory()));
  if (gpu::thread() > 0) return;
  task.largest[row] = found.largest;
  task.sums[row] = found.sum;
}

// A score and its position as a number: the key that goes first has the lowest.
constexpr std::uint64_t kNone = ~std::uint64_t{0};

// Instead of the score of one of the latest positions, which ranks above every score: no score has these bits.
constexpr std::uint32_t kLatest = 0xffffffffU;

KVCOMPARE_DEVICE std::uint64_t rank_of(float score, std::int32_t position) {
  const float ranked = score == score ? score : -INFINITY;
  std::uint32_t bits;
  memcpy(&bits, &ranked, sizeof bits);
  bits ^= bits >> 31 ? 0xffffffffU : 0x80000000U;
  return static_cast<std::uint64_t>(bits) << 32 | (0xffffffffU - static_cast<std::uint32_t>(position));
}

// A key and its place; rank kNone: no key.
struct Ranked {
  std::uint64_t rank;
  int place;
};

// One KV head and its events in order. A thread has every n_threads-th four of the places.
class HeadScan {
 public:
  KVCOMPARE_DEVICE explicit HeadScan(const EvictLowest& task)
      : kv_head_(gpu::block_x()),
        group_(static_cast<int>(task.shape.n_heads / task.shape.n_kv_heads)),
        n_rows_(static_cast<int>(task.events.n_events) * group_),
        n_places_(static_cast<int>(task.n_places)),
        z_(task.z + std::int64_t{kv_head_} * n_rows_ * n_places_),
        positions_(task.candidates.positions + kv_head_ * task.candidates.capacity),
        log_vnorm_(task.candidates.log_vnorm + kv_head_ * task.candidates.capacity),
        evicted_(task.candidates.evicted + kv_head_ * task.candidates.n_evictions),
        scores_(task.scores + kv_head_ * task.candidates.capacity),
        parts_(reinterpret_cast<std::uint64_t*>(gpu::shared_memory())),
        sums_(reinterpret_cast<double*>(parts_ + 32)),
        largest_(reinterpret_cast<float*>(sums_ + n_rows_)),
        log_sums_(largest_ + n_rows_),
        n_first_(static_cast<int>(task.n_first)),
        n_last_(static_cast<int>(task.n_last)) {}

  KVCOMPARE_DEVICE void run(const EvictLowest& task) {
    for (int row = gpu::thread(); row < n_rows_; row += gpu::n_threads()) {
      sums_[row] = task.sums[std::int64_t{kv_head_} * n_rows_ + row];
      largest_[row] = task.largest[std::int64_t{kv_head_} * n_rows_ + row];
      log_sums_[row] = logf(static_cast<float>(sums_[row]));
    }
    gpu::sync_block();
    for (int e = 0; e < task.events.n_events; ++e) {
      const int n = task.events.n[e];
      renew_sums(e, n);
      const auto own = score(task, e, n);
      const int first = task.events.first_eviction[e], last = task.events.first_eviction[e + 1] - 1;
      if (task.threshold == EvictLowest::kNoThreshold)
        evict_by_rank(task, e, first, last, own);
      else
        evict_below(task, e, first, last);
      gpu::sync_block();  // evicted_ is written
      forget(e, first, last);
      gpu::sync_block();
    }
  }

 private:
  // What is left of a sum that was 1 at least: below it, double may not have kept it, and the largest z is
  // dead.
  static constexpr double kLeastSum = 1e-3;
  static constexpr int kRowsAtOnce = 4;  // so that their loads are under way together

  KVCOMPARE_DEVICE const Four<float>* z_of(int row) const {
    return reinterpret_cast<const Four<float>*>(z_ + std::int64_t{row} * n_places_);
  }
  KVCOMPARE_DEVICE const Four<std::int32_t>* positions() const {
    return reinterpret_cast<const Four<std::int32_t>*>(positions_);
  }

  KVCOMPARE_DEVICE void renew_sums(int event, int n) const {
    for (int row = event * group_; row < (event + 1) * group_; ++row) {
      if (sums_[row] >= kLeastSum) continue;
      const auto renewed = softmax(z_of(row), positions(), n_places_ / 4, n, parts_);
      if (gpu::thread() == 0) {
        sums_[row] = renewed.sum;
        largest_[row] = renewed.largest;
        log_sums_[row] = logf(static_cast<float>(renewed.sum));
      }
      gpu::sync_block();
    }
  }

  // Of the alive keys; returns the lowest of this thread's.
  KVCOMPARE_DEVICE Ranked score(const EvictLowest& task, int event, int n) const {
    Ranked lowest = {kNone, 0};
    bool any_nan = false;
    for (int i = gpu::thread(); i < n_places_ / 4; i += gpu::n_threads()) {
      const auto at = positions()[i];
      const auto log_vnorm = reinterpret_cast<const Four<float>*>(log_vnorm_)[i];
      auto scores = log_sum_softmax(event, i);
      for (int j = 0; j < 4; ++j) {
        if (at.values[j] >= n) continue;
        scores.values[j] += log_vnorm.values[j];
        any_nan = any_nan || scores.values[j] != scores.values[j];
        lowest = lower(lowest, {rank_at(n, scores.values[j], at.values[j]), 4 * i + j});
      }
      reinterpret_cast<Four<float>*>(scores_)[i] = scores;
    }
    if (any_nan) gpu::atomic_or(task.status, kNanScore);
    return lowest;
  }

  // Of the i-th four places; what it says of places without an alive key means nothing. log(group), the same
  // for all keys, is not subtracted.
  KVCOMPARE_DEVICE Four<float> log_sum_softmax(int event, int i) const {
    Four<float> highest, sum;
    for (int j = 0; j < 4; ++j) highest.values[j] = -INFINITY, sum.values[j] = 0;
    const int end = (event + 1) * group_;
    for (int first = event * group_; first < end; first += kRowsAtOnce) {
      Four<float> z[kRowsAtOnce];
      for (int r = 0; r < kRowsAtOnce; ++r)
        if (first + r < end) z[r] = z_of(first + r)[i];
      for (int r = 0; r < kRowsAtOnce && first + r < end; ++r)
        for (int j = 0; j < 4; ++j) {
          const float log_p = z[r].values[j] - largest_[first + r] - log_sums_[first + r];
          const float more = log_p - highest.values[j];
          const float share = expf(-fabsf(more));
          sum.values[j] = more > 0 ? sum.values[j] * share + 1 : sum.values[j] + share;
          highest.values[j] = fmaxf(highest.values[j], log_p);
        }
    }
    for (int j = 0; j < 4; ++j) highest.values[j] += logf(sum.values[j]);
    return highest;
  }

  // At the event after n tokens.
  KVCOMPARE_DEVICE std::uint64_t rank_at(int n, float score, std::int32_t position) const {
    if (position < n_first_) return kNone;
    if (position >= n - n_last_) return std::uint64_t{kLatest} << 32 | static_cast<std::uint32_t>(position);
    return rank_of(score, position);
  }

  KVCOMPARE_DEVICE static Ranked lower(const Ranked& a, const Ranked& b) { return b.rank < a.rank ? b : a; }

  KVCOMPARE_DEVICE Ranked lowest_of_own(int n) const {
    Ranked lowest = {kNone, 0};
    for (int i = gpu::thread(); i < n_places_ / 4; i += gpu::n_threads())
      for (int place = 4 * i; place < 4 * i + 4; ++place)
        if (positions_[place] < n)
          lowest = lower(lowest, {rank_at(n, scores_[place], positions_[place]), place});
    return lowest;
  }

  KVCOMPARE_DEVICE void evict_place(const EvictLowest& task, int event, int eviction, int place) const {
    evict(task.layer, kv_head_, positions_[place], task.events.events[event]);
    positions_[place] = kNoKey;
    evicted_[eviction] = place;
  }

  // As many as there are evictions; own: the lowest of this thread's.
  KVCOMPARE_DEVICE void evict_by_rank(const EvictLowest& task, int event, int first, int last,
                                      Ranked own) const {
    for (int i = first; i <= last; ++i) {
      const auto lowest = over_block(own.rank, Smallest(), parts_);
      if (own.rank != lowest) continue;
      evict_place(task, event, i, own.place);
      if (i < last) own = lowest_of_own(task.events.n[event]);
    }
  }

  // Of the judged, which are at the places from `first` to `last`, those below the threshold.
  KVCOMPARE_DEVICE void evict_below(const EvictLowest& task, int event, int first, int last) const {
    gpu::sync_block();  // scores are written
    const float lowest_kept = static_cast<float>(task.threshold) + logf(static_cast<float>(group_));
    for (int place = first + gpu::thread(); place <= last; place += gpu::n_threads()) {
      evicted_[place] = -1;
      if (scores_[place] < lowest_kept && positions_[place] >= n_first_)
        evict_place(task, event, place, place);
    }
  }

  // Takes what these evictions evicted out of the sums of later events, at all of which it had been born.
  KVCOMPARE_DEVICE void forget(int event, int first, int last) const {
    for (int row = (event + 1) * group_ + gpu::thread(); row < n_rows_; row += gpu::n_threads()) {
      const auto* z = z_ + std::int64_t{row} * n_places_;
      double sum = sums_[row];
      for (int i = first; i <= last; ++i)
        if (evicted_[i] >= 0) sum -= static_cast<double>(expf(z[evicted_[i]] - largest_[row]));
      sums_[row] = sum;
      log_sums_[row] = logf(static_cast<float>(sum));
    }
  }

  const int kv_head_, group_, n_rows_, n_places_;
  const float* const z_;  // [n_rows, n_places]
  std::int32_t* const positions_;
  const float* const log_vnorm_;
  std::int32_t* const evicted_;
  float* const scores_;
  // In shared memory:
  std::uint64_t* const parts_;
  double* const sums_;  // [n_rows], over the alive keys
  float* const largest_;
  float* const log_sums_;

  const int n_first_, n_last_;
};

KVCOMPARE_KERNEL void evict_lowest(EvictLowest task) { HeadScan(task).run(task); }

std::int64_t blocks_of(std::int64_t n, std::int64_t n_in_block) { return (n + n_in_block - 1) / n_in_block; }

// A four a thread, but whole warps and no more than `most`.
int threads_for(std::int64_t n_places, std::int64_t most) {
  return static_cast<int>(std::clamp<std::int64_t>(blocks_of(n_places / 4, 32) * 32, 32, most));
}

}  // namespace

template <class T>
void drifting_schedule_kernel(const StartDrifting<T>& task, gpu::Stream stream) {
  gpu::launch(start_drifting<T>, {blocks_of(task.layer.n_tokens, kThreads / 32), task.layer.n_kv_heads},
              kThreads, 0, stream, task);
}

void drifting_schedule_kernel(const EvictLowest& task, gpu::Stream stream) {
  const auto n_kv_heads = task.shape.n_kv_heads;
  const auto n_rows = task.events.n_events * (task.shape.n_heads / n_kv_heads);
  constexpr std::size_t kParts = 32 * sizeof(std::uint64_t);
  gpu::launch(softmax_sums, {n_rows, n_kv_heads}, threads_for(task.n_places, kThreads), kParts, stream, task);
  gpu::launch(evict_lowest, {n_kv_heads}, threads_for(task.n_places, kScanThreads),
              kParts + static_cast<std::size_t>(n_rows) * (sizeof(double) + 2 * sizeof(float)), stream, task);
}

template void drifting_schedule_kernel(const StartDrifting<float>&, gpu::Stream);
template void drifting_schedule_kernel(const StartDrifting<c10::Half>&, gpu::Stream);
template void drifting_schedule_kernel(const StartDrifting<c10::BFloat16>&, gpu::Stream);

}  // namespace kvcompare
