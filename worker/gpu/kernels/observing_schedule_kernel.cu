#include <cmath>
#include <limits>
#include <utility>

#include "worker/gpu/kernels/gpu.cuh"
#include "worker/gpu/kernels/layer_deaths.cuh"
#include "worker/gpu/kernels/observing_schedule_kernel.h"
#include "worker/gpu/kernels/over_block.cuh"

namespace kvcompare {
namespace {

constexpr int kThreads = 128;
constexpr float kLowest = -std::numeric_limits<float>::infinity();
constexpr int kAnyNumber = std::numeric_limits<int>::max();

// ---- queries and keys, gathered

// Elements that a thread moves at once.
template <class T, int n>
struct alignas(sizeof(T) * n) Pack {
  T values[n];
};

// The position of a column's key; -1: none.
KVCOMPARE_DEVICE std::int64_t position_of(const ObservedBlock& block, std::int64_t head,
                                          std::int64_t column) {
  if (column < block.n_old) return block.positions[head * block.capacity + column];
  return column < block.n_old + block.n_rows ? block.first_row + column - block.n_old : -1;
}

// A thread a pack; n packs of all rows and columns of a KV head.
template <class T, int width>
KVCOMPARE_KERNEL void gather(ObservedOperands<T> task, std::int64_t n) {
  using Elements = Pack<T, width>;
  const auto& block = task.block;
  const auto i = std::int64_t{gpu::block_x()} * gpu::n_threads() + gpu::thread();
  if (i >= n) return;
  const std::int64_t head = gpu::block_y(), d = task.d_head / width, n_rows = block.group * block.n_rows;
  const auto line = i / d, c = i % d;
  if (line < n_rows) {
    const auto q_head = head * block.group + line / block.n_rows, row = line % block.n_rows;
    const auto* q = task.q + (block.first_row + row) * task.stride + q_head * task.d_head;
    reinterpret_cast<Elements*>(task.rows)[(head * n_rows + line) * d + c] =
        reinterpret_cast<const Elements*>(q)[c];
    return;
  }
  const auto column = line - n_rows, position = position_of(block, head, column);
  Elements elements{};
  if (position >= 0)
    elements = reinterpret_cast<const Elements*>(task.k + position * task.stride + head * task.d_head)[c];
  reinterpret_cast<Elements*>(task.columns)[(head * block.n_columns + column) * d + c] = elements;
}

template <class T>
bool are_aligned(const ObservedOperands<T>& task, std::int64_t bytes) {
  for (const void* pointer : {static_cast<const void*>(task.q), static_cast<const void*>(task.k),
                              static_cast<const void*>(task.rows), static_cast<const void*>(task.columns)})
    if (reinterpret_cast<std::uintptr_t>(pointer) % static_cast<std::uintptr_t>(bytes) != 0) return false;
  const auto size = static_cast<std::int64_t>(sizeof(T));
  return task.stride * size % bytes == 0 && task.d_head * size % bytes == 0;
}

// ---- softmaxes

// The first position that the window of a row of the block reaches back to; before the sequence, maybe.
KVCOMPARE_DEVICE std::int64_t oldest_seen(const ObservedRows& task, std::int64_t row) {
  return task.block.first_row + row - task.window + 1;
}

// Weights of a row as if nothing died in the block, relative to the largest, and their sum. One block of
// threads a row.
KVCOMPARE_KERNEL void softmaxes(ObservedRows task) {
  const auto& block = task.block;
  auto* parts = reinterpret_cast<double*>(gpu::shared_memory());
  const std::int64_t row = gpu::block_x(), head = gpu::block_z();
  const auto line = (head * block.group + gpu::block_y()) * block.n_rows + row;
  const auto* logits = task.logits + line * block.n_columns;
  auto* weights = task.weights + line * block.n_columns;
  const auto oldest = oldest_seen(task, row);
  const auto is_seen = [&](int c) {
    const auto position = position_of(block, head, c);
    return c <= block.n_old + row && position >= 0 && position >= oldest;
  };
  float largest = kLowest;
  for (int c = gpu::thread(); c < block.n_columns; c += gpu::n_threads())
    if (is_seen(c)) largest = fmaxf(largest, logits[c] * task.scale);
  largest = static_cast<float>(over_block(static_cast<double>(largest), Largest(), parts));
  double sum = 0;
  for (int c = gpu::thread(); c < block.n_columns; c += gpu::n_threads()) {
    weights[c] = is_seen(c) ? expf(logits[c] * task.scale - largest) : 0;
    sum += weights[c];
  }
  sum = over_block(sum, Sum(), parts);
  if (gpu::thread() == 0) task.sums[line] = sum;
}

// ---- row by row

constexpr int kMostThreads = 512;  // with up to 128 registers
constexpr int kHeadsAtOnce = 8;    // whose scales are in registers
constexpr int kStages = 3;         // rows in shared memory: the one at work and two on their way

// Columns thread, thread + n_threads, ... of a thread: n_items at most, in registers, so that loops over them
// have to be unrolled whatever the compiler thinks of it.
template <int n_items>
struct Columns {
  std::int32_t positions[n_items];
  double received[n_items];

  using Items = std::make_integer_sequence<int, n_items>;
  KVCOMPARE_DEVICE static int column(int item) { return item * gpu::n_threads() + gpu::thread(); }

  KVCOMPARE_DEVICE Columns(const ObservedBlock& block, std::int64_t head) {
    for (int i = 0; i < n_items; ++i) {
      positions[i] = static_cast<std::int32_t>(position_of(block, head, column(i)));
      received[i] = column(i) < block.n_old ? block.received[head * block.capacity + column(i)] : 0;
    }
  }

  // visit(column, position, received) for those below n.
  template <class Visit>
  KVCOMPARE_DEVICE void each(int n, Visit visit) {
    each(n, visit, Items{});
  }
  template <class Visit, int... i>
  KVCOMPARE_DEVICE void each(int n, Visit visit, std::integer_sequence<int, i...>) {
    ((column(i) < n ? visit(column(i), positions[i], received[i]) : void()), ...);
  }

  // By all threads as often, with columns that may be n or more.
  template <class Visit>
  KVCOMPARE_DEVICE void each_together(int n, Visit visit) const {
    each_together(n, visit, Items{});
  }
  template <class Visit, int... i>
  KVCOMPARE_DEVICE void each_together(int n, Visit visit, std::integer_sequence<int, i...>) const {
    ((column(i) - gpu::thread() < n ? visit(column(i), positions[i], received[i]) : void()), ...);
  }
};

// Any number, where the block keeps them.
template <>
struct Columns<0> {
  std::int32_t* positions;
  double* received;

  KVCOMPARE_DEVICE Columns(const ObservedBlock& block, std::int64_t head)
      : positions(block.positions + head * block.capacity), received(block.received + head * block.capacity) {
    for (int c = gpu::thread(); c < block.n_columns; c += gpu::n_threads()) {
      if (c < block.n_old) continue;
      positions[c] = static_cast<std::int32_t>(position_of(block, head, c));
      received[c] = 0;
    }
  }

  template <class Visit>
  KVCOMPARE_DEVICE void each(int n, Visit visit) {
    for (int c = gpu::thread(); c < n; c += gpu::n_threads()) visit(c, positions[c], received[c]);
  }

  template <class Visit>
  KVCOMPARE_DEVICE void each_together(int n, Visit visit) const {
    for (int begin = 0; begin < n; begin += gpu::n_threads()) {
      const int c = begin + gpu::thread();
      visit(c, c < n ? positions[c] : -1, c < n ? received[c] : 0);
    }
  }
};

// A key that may be the next to go.
struct Candidate {
  double received = 0;
  std::int32_t position = -1;  // -1: there is none
  std::int32_t column = 0;
};

// Whether a's score at the event after n tokens, received / (n - position), is lower than b's; on a tie the
// later goes. Multiplied crosswise, since there are no fast divisions in double. Rounding can make this
// circular for three scores that are equal but for their last bits, so that threads have to agree on one
// result, not each find it.
KVCOMPARE_DEVICE bool goes_first(const Candidate& a, const Candidate& b, int n) {
  if (a.position < 0 || b.position < 0) return a.position > b.position;
  const double x = a.received * (n - b.position), y = b.received * (n - a.position);
  return x < y || (x == y && a.position > b.position);
}

// Of the warp, the same in all lanes.
KVCOMPARE_DEVICE Candidate first_to_go(Candidate own, int n) {
  for (int mask = 16; mask > 0; mask /= 2) {
    const Candidate other{gpu::shuffle_xor(own.received, mask), gpu::shuffle_xor(own.position, mask),
                          gpu::shuffle_xor(own.column, mask)};
    if (goes_first(other, own, n)) own = other;
  }
  return {gpu::shuffle(own.received, 0), gpu::shuffle(own.position, 0), gpu::shuffle(own.column, 0)};
}

// What a KV head has in shared memory.
struct SharedRows {
  double* sums;           // [group * n_rows], as they were before the block
  double* left;           // [group * n_rows], less the weights of keys that died in rows before
  double* parts;          // [32]
  Candidate* candidates;  // [2, 32], of each warp
  int* counts;            // [2, 32], of each warp
  float* staged;          // [kStages, group, n_columns]; null if there is no room

  static std::size_t n_bytes(const ObservedBlock& block, bool is_staged) {
    const auto n = static_cast<std::size_t>(block.group * block.n_rows);
    return 2 * n * sizeof(double) + 32 * sizeof(double) + 64 * sizeof(Candidate) + 64 * sizeof(int) +
           (is_staged ? kStages * static_cast<std::size_t>(block.group * block.n_columns) * sizeof(float)
                      : 0);
  }

  KVCOMPARE_DEVICE SharedRows(const ObservedBlock& block, bool is_staged) {
    candidates = reinterpret_cast<Candidate*>(gpu::shared_memory());
    sums = reinterpret_cast<double*>(candidates + 64);
    left = sums + block.group * block.n_rows;
    parts = left + block.group * block.n_rows;
    counts = reinterpret_cast<int*>(parts + 32);
    staged = is_staged ? reinterpret_cast<float*>(counts + 64) : nullptr;
  }
};

// One block of threads follows the rows of a KV head. In every warp lane a keeps what belongs to query head
// a.
template <int n_items>
class RowScan {
 public:
  KVCOMPARE_DEVICE RowScan(const ObservedRows& task, bool is_staged)
      : task_(task),
        block_(task.block),
        head_(gpu::block_x()),
        group_(static_cast<int>(task.block.group)),
        n_rows_(static_cast<int>(task.block.n_rows)),
        n_columns_(static_cast<int>(task.block.n_columns)),
        chunk_size_(static_cast<int>(n_at(task.layer, 0))),
        weights_(task.weights + head_ * group_ * n_rows_ * n_columns_),
        shared_(task.block, is_staged),
        columns_(task.block, head_) {}

  KVCOMPARE_DEVICE void run() {
    for (int i = gpu::thread(); i < group_ * n_rows_; i += gpu::n_threads())
      shared_.left[i] = shared_.sums[i] = task_.sums[head_ * group_ * n_rows_ + i];
    stage(0);
    stage(1);
    gpu::copy_async_wait<1>();
    gpu::sync_block();
    if (has_query_head()) left_ = shared_.left[gpu::lane() * n_rows_];
    for (int r = 0; r < n_rows_; ++r) follow(r);
    hand_on();
  }

 private:
  KVCOMPARE_DEVICE bool has_query_head() const { return gpu::lane() < group_; }
  KVCOMPARE_DEVICE int n_seen(int r) const { return static_cast<int>(block_.n_old) + r + 1; }

  // Weights of row r: those of query head a begin at a * stride().
  KVCOMPARE_DEVICE float* row(int r) const {
    return shared_.staged ? shared_.staged + r % kStages * group_ * n_columns_
                          : weights_ + static_cast<std::int64_t>(r) * n_columns_;
  }
  KVCOMPARE_DEVICE std::int64_t stride() const {
    return std::int64_t{shared_.staged ? 1 : n_rows_} * n_columns_;
  }

  // Begins to copy row r into shared memory.
  KVCOMPARE_DEVICE void stage(int r) {
    if (shared_.staged && r < n_rows_)
      for (int a = 0; a < group_; ++a)
        for (int c = 4 * gpu::thread(); c < n_seen(r); c += 4 * gpu::n_threads())
          gpu::copy_async_16(row(r) + a * n_columns_ + c,
                             weights_ + (std::int64_t{a} * n_rows_ + r) * n_columns_ + c, true);
    gpu::copy_async_commit();
  }

  // Between the barriers of row r - 1 and r every warp works on row r; what row r + 1 needs is there behind
  // r's.
  KVCOMPARE_DEVICE void follow(int r) {
    const auto n = static_cast<int>(block_.first_row) + r + 1;
    const int e = (n - 1) / chunk_size_;
    const int n_dying = n == n_at(task_.layer, e) ? most_evicted(e, n) : 0;
    stage(r + 2);
    add_up(r);
    settle();
    gpu::copy_async_wait<1>();
    if (n_dying == 0) gpu::sync_block();
    double gone = 0;  // of row r + 1
    for (int i = 0; i < n_dying; ++i) {
      if (i == 0) look_for_nan(n_seen(r));
      const auto dying = find(e, n, n_seen(r));
      if (dying.position < 0) break;
      bury(dying, e, r);
      if (has_query_head() && r + 1 < n_rows_) gone += row(r + 1)[gpu::lane() * stride() + dying.column];
    }
    if (has_query_head() && r + 1 < n_rows_) left_ = shared_.left[gpu::lane() * n_rows_ + r + 1] - gone;
  }

  // How many keys event e evicts, or at most.
  KVCOMPARE_DEVICE int most_evicted(std::int32_t e, int n) const {
    if (task_.first_slot) return task_.first_slot[e + 1] - task_.first_slot[e];
    const auto n_before = e * task_.layer.chunk_size - task_.sliding_window_size;
    const auto begin = n_before > task_.n_sink ? n_before : task_.n_sink;
    return begin < n - task_.sliding_window_size ? kAnyNumber : 0;
  }

  // received += weights / sum, over the query heads. The sum is what is left of the one before the block.
  // Should a row have given nearly all to keys that have died since, its weights are made anew from the
  // logits: relative to the largest that is alive they are neither rounded to nothing, as exp(logit - largest
  // of all) may be, nor is their sum a difference of nearly equal numbers.
  KVCOMPARE_DEVICE void add_up(int r) {
    const bool is_little = has_query_head() && left_ < kLittle * shared_.sums[gpu::lane() * n_rows_ + r];
    for (auto lanes = gpu::ballot(is_little); lanes != 0; lanes &= lanes - 1) {
      const int a = gpu::first_bit(lanes);
      const double sum = renew(r, a);
      if (gpu::lane() == a) left_ = sum;
    }
    const float scale = has_query_head() ? 1 / static_cast<float>(left_) : 0;
    const float* weights = row(r);
    const auto to_next = stride();
    for (int first = 0; first < group_; first += kHeadsAtOnce) {
      float scales[kHeadsAtOnce];
      for (int i = 0; i < kHeadsAtOnce; ++i) scales[i] = gpu::shuffle(scale, first + i);
      columns_.each(n_seen(r), [&](int c, std::int32_t position, double& received) {
        if (position < 0) return;
        float sum = 0;
        for (int i = 0; i < kHeadsAtOnce; ++i)
          if (first + i < group_) sum += weights[(first + i) * to_next + c] * scales[i];
        received += sum;
      });
    }
  }

  // Softmax of query head a in row r over the alive; returns the sum.
  KVCOMPARE_DEVICE double renew(int r, int a) {
    const auto* logits = task_.logits + ((head_ * group_ + a) * n_rows_ + r) * n_columns_;
    const auto oldest = oldest_seen(task_, r);
    float largest = kLowest;
    columns_.each(n_seen(r), [&](int c, std::int32_t position, double&) {
      if (position >= 0 && position >= oldest) largest = fmaxf(largest, logits[c] * task_.scale);
    });
    largest = static_cast<float>(over_block(static_cast<double>(largest), Largest(), shared_.parts));
    auto* weights = row(r) + a * stride();
    double sum = 0;
    columns_.each(n_seen(r), [&](int c, std::int32_t position, double&) {
      if (position < 0) return;
      weights[c] = position >= oldest ? expf(logits[c] * task_.scale - largest) : 0;
      sum += weights[c];
    });
    return over_block(sum, Sum(), shared_.parts);
  }

  KVCOMPARE_DEVICE void look_for_nan(int n_seen) {
    columns_.each(n_seen, [&](int, std::int32_t position, double received) {
      if (position >= 0 && std::isnan(received)) gpu::atomic_or(task_.status, kNanScore);
    });
  }

  KVCOMPARE_DEVICE bool may_die(std::int32_t e, int n, std::int32_t position, double received) const {
    if (position < task_.n_sink || position < 0) return false;
    return task_.first_slot ||
           (judging_event(task_.layer, task_.sliding_window_size, task_.n_sink, position) == e &&
            received / group_ / (n - position) < task_.threshold);
  }

  // The key to evict next at event e, the same in all threads. One barrier.
  KVCOMPARE_DEVICE Candidate find(std::int32_t e, int n, int n_seen) {
    Candidate own;
    columns_.each(n_seen, [&](int c, std::int32_t position, double received) {
      const Candidate other{received, position, c};
      if (may_die(e, n, position, received) && goes_first(other, own, n)) own = other;
    });
    own = first_to_go(own, n);
    auto* of_warps = shared_.candidates + 32 * turn_;  // those of the turn before may still be read
    turn_ = 1 - turn_;
    if (gpu::lane() == 0) of_warps[gpu::warp()] = own;
    gpu::sync_block();
    return first_to_go(gpu::lane() < gpu::n_threads() / 32 ? of_warps[gpu::lane()] : Candidate(), n);
  }

  // Its weights are missing from the sums of later rows: of the next at once (in `gone`), of the others, a
  // thread each, when they have come from memory.
  KVCOMPARE_DEVICE void bury(const Candidate& dying, std::int32_t e, int r) {
    columns_.each(n_seen(r), [&](int c, std::int32_t& position, double&) {
      if (c != dying.column) return;
      position = -1;
      evict(task_.layer, head_, dying.position, e);
    });
    settle();
    if (gpu::thread() < group_ * n_rows_ && gpu::thread() % n_rows_ > r + 1)
      pending_ = weights_[std::int64_t{gpu::thread()} * n_columns_ + dying.column];
  }
  KVCOMPARE_DEVICE void settle() {
    if (pending_ != 0) shared_.left[gpu::thread()] -= pending_;
    pending_ = 0;
  }

  // The alive in order to the front of the lists.
  KVCOMPARE_DEVICE void hand_on() {
    auto* positions = block_.positions + head_ * block_.capacity;
    auto* received = block_.received + head_ * block_.capacity;
    const int n = n_seen(n_rows_ - 1), n_next = static_cast<int>(task_.n_next);
    int n_alive = 0;
    // What is overwritten has been read: places are no later than the columns of the round, which ends at a
    // barrier.
    columns_.each_together(n, [&](int c, std::int32_t position, double sum) {
      const bool is_alive = c < n && position >= 0;
      const auto alive = gpu::ballot(is_alive);
      auto* counts = shared_.counts + 32 * turn_;
      turn_ = 1 - turn_;
      if (gpu::lane() == 0) counts[gpu::warp()] = gpu::count_bits(alive);
      gpu::sync_block();
      int place = n_alive + gpu::count_bits(alive & ((std::uint32_t{1} << gpu::lane()) - 1));
      for (int w = 0; w < gpu::n_threads() / 32; ++w) {
        if (w < gpu::warp()) place += counts[w];
        n_alive += counts[w];
      }
      if (!is_alive || place >= n_next) return;
      positions[place] = position;
      received[place] = sum;
    });
    for (int i = n_alive + gpu::thread(); i < n_next; i += gpu::n_threads()) {
      positions[i] = -1;
      received[i] = 0;
    }
  }

  static constexpr double kLittle = 1e-3;

  const ObservedRows& task_;
  const ObservedBlock& block_;
  const std::int64_t head_;
  const int group_;
  const int n_rows_;
  const int n_columns_;
  const int chunk_size_;  // at most the sample
  float* const weights_;  // [group, n_rows, n_columns]
  const SharedRows shared_;
  Columns<n_items> columns_;
  double left_ = 0;    // lane a: the sum of query head a in the row at work
  float pending_ = 0;  // to be taken from left[thread]
  int turn_ = 0;
};

template <int n_items>
KVCOMPARE_KERNEL void follow_rows(ObservedRows task, bool is_staged) {
  RowScan<n_items>(task, is_staged).run();
}

template <int n_items>
void start_scan(const ObservedRows& task, gpu::Stream stream) {
  const auto& block = task.block;
  constexpr int kColumnsOfThread = n_items > 0 ? n_items : 8;
  auto n_threads = (block.n_columns + kColumnsOfThread - 1) / kColumnsOfThread;
  if (n_threads > kMostThreads) n_threads = kMostThreads;
  if (n_threads < block.group * block.n_rows) n_threads = block.group * block.n_rows;
  const auto n_staged = SharedRows::n_bytes(block, true);
  const bool is_staged = n_staged <= task.most_shared_bytes && n_staged <= gpu::most_shared_bytes();
  gpu::launch(follow_rows<n_items>, {block.n_kv_heads}, static_cast<int>((n_threads + 31) / 32 * 32),
              SharedRows::n_bytes(block, is_staged), stream, task, is_staged);
}

}  // namespace

template <class T>
void observing_schedule_kernel(const ObservedOperands<T>& task, gpu::Stream stream) {
  const auto& block = task.block;
  constexpr int kWidth = 16 / sizeof(T);
  const bool wide = are_aligned(task, 16);
  const auto n = (block.group * block.n_rows + block.n_columns) * task.d_head / (wide ? kWidth : 1);
  gpu::launch(wide ? gather<T, kWidth> : gather<T, 1>, {(n + kThreads - 1) / kThreads, block.n_kv_heads},
              kThreads, 0, stream, task, n);
}

void observing_schedule_kernel(const ObservedRows& task, gpu::Stream stream) {
  const auto& block = task.block;
  gpu::launch(softmaxes, {block.n_rows, block.group, block.n_kv_heads}, kThreads,
              kThreads / 32 * sizeof(double), stream, task);
  // 2048 or 4096 old columns and the block's own are among them.
  if (block.n_columns <= 5 * kMostThreads)
    start_scan<5>(task, stream);
  else if (block.n_columns <= 9 * kMostThreads)
    start_scan<9>(task, stream);
  else
    start_scan<0>(task, stream);
}

template void observing_schedule_kernel(const ObservedOperands<float>&, gpu::Stream);
template void observing_schedule_kernel(const ObservedOperands<c10::Half>&, gpu::Stream);
template void observing_schedule_kernel(const ObservedOperands<c10::BFloat16>&, gpu::Stream);

}  // namespace kvcompare
