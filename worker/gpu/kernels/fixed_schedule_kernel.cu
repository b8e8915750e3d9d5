#include <cmath>

#include "worker/gpu/kernels/fixed_schedule_kernel.h"
#include "worker/gpu/kernels/gpu.cuh"
#include "worker/gpu/kernels/layer_deaths.cuh"

namespace kvcompare {
namespace {

constexpr int kThreads = 256;

gpu::Grid one_thread_each(std::int64_t n_tokens, std::int64_t n_kv_heads) {
  return {(n_tokens + kThreads - 1) / kThreads, n_kv_heads};
}

KVCOMPARE_DEVICE std::int64_t global_thread() {
  return std::int64_t{gpu::block_x()} * gpu::n_threads() + gpu::thread();
}

KVCOMPARE_KERNEL void keep_all(KeepAllSchedule task) {
  const auto position = global_thread();
  if (position < task.layer.n_tokens) keep(task.layer, gpu::block_y(), position);
}

KVCOMPARE_KERNEL void judge(ThresholdSchedule task) {
  const auto position = global_thread();
  const std::int64_t head = gpu::block_y();
  if (position >= task.layer.n_tokens) return;
  const auto score = task.scores[head * task.layer.n_tokens + position];
  const auto event = judging_event(task.layer, task.sliding_window_size, task.n_sink, position);
  if (event != kStays && std::isnan(score)) gpu::atomic_or(task.status, kNanScore);
  if (event != kStays && score < task.threshold)
    evict(task.layer, head, position, event);
  else
    keep(task.layer, head, position);
}

// Philox4x32-10 (Salmon et al., SC 2011), the first word: key `seed`, counter 2^64 sample + 2^32 head +
// position.
KVCOMPARE_DEVICE std::uint32_t philox(std::uint64_t seed, std::uint64_t sample, std::uint32_t head,
                                      std::uint32_t position) {
  auto key0 = static_cast<std::uint32_t>(seed), key1 = static_cast<std::uint32_t>(seed >> 32);
  std::uint32_t c[4] = {position, head, static_cast<std::uint32_t>(sample),
                        static_cast<std::uint32_t>(sample >> 32)};
  for (int round = 0; round < 10; ++round) {
    const auto product0 = std::uint64_t{0xD2511F53} * c[0], product1 = std::uint64_t{0xCD9E8D57} * c[2];
    c[0] = static_cast<std::uint32_t>(product1 >> 32) ^ c[1] ^ key0;
    c[1] = static_cast<std::uint32_t>(product1);
    c[2] = static_cast<std::uint32_t>(product0 >> 32) ^ c[3] ^ key1;
    c[3] = static_cast<std::uint32_t>(product0);
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
  return c[0];
}

KVCOMPARE_KERNEL void draw(RandomScores task) {
  const auto position = global_thread();
  const std::int64_t head = gpu::block_y();
  if (position >= task.n_tokens) return;
  const auto word =
      philox(task.seed, task.sample, static_cast<std::uint32_t>(task.layer * task.n_kv_heads + head),
             static_cast<std::uint32_t>(position));
  task.scores[head * task.n_tokens + position] = (word >> 8) * 0x1p-24;
}

// ---- a ratio budget
//
// At every event the lowest of the alive keys die; so of all keys the lowest dies in the first slot that is
// not before its birth, and of what keys and slots are left then, again the lowest. In other words: keys,
// from the lowest on, each take the first slot after their birth that is free.
//
// That is done for all keys at once, by halves. The slots that the lower half of the keys takes are found
// without the order among them: walking through births and slots in time, a slot is taken by a key of the
// lower half if and only if one that was born has had no slot yet (it ranks below all of the upper half). The
// other slots are left to the upper half. Each half then is a problem of the same kind: after one pass for
// each bit of the rank, a slot knows the rank of its key.

// A birth or a slot. Passes keep them grouped by what is decided of the rank, within a group in order of
// time.
struct Moment {
  std::int32_t rank;   // of a key, from the lowest; of a slot: its key's, with 0 for bits not decided yet
  std::int32_t event;  // of a slot; kBirth: of none
};
constexpr std::int32_t kBirth = -1;

constexpr int kMostThreads = 512;
constexpr int kOwn = 8;  // moments that a thread takes at once

std::int64_t n_moments(const RatioSchedule& task) {
  const auto n_sinks = task.n_sink < task.layer.n_tokens ? task.n_sink : task.layer.n_tokens;
  return task.layer.n_tokens - n_sinks + task.n_slots;
}

// Two lists of moments for each head, read and written in turn.
KVCOMPARE_DEVICE Moment* moments_of(const RatioSchedule& task, std::int64_t head, std::int64_t n) {
  return static_cast<Moment*>(task.workspace) + 2 * n * head;
}

// The events e so far have ranked all positions < n_at(e).
KVCOMPARE_DEVICE bool is_ranked(const RatioSchedule& task, std::int64_t position) {
  return task.n_slots > 0 && position < n_at(task.layer, task.slots[task.n_slots - 1]);
}

// The moments in order of time: a key may die at the event of its own chunk.
KVCOMPARE_KERNEL void lay_out(RatioSchedule task, std::int64_t n) {
  const auto i = global_thread();
  const std::int64_t head = gpu::block_y(), n_tokens = task.layer.n_tokens;
  if (i >= n_tokens) return;
  keep(task.layer, head, i);
  if (is_ranked(task, i) && std::isnan(task.scores[head * n_tokens + i]))
    gpu::atomic_or(task.status, kNanScore);
  if (task.n_slots == 0) return;
  auto* moments = moments_of(task, head, n);
  const auto position = task.order[head * n_tokens + i];
  if (position >= task.n_sink)
    moments[position - task.n_sink + task.first_slot[event_after(task.layer, position)]] = {
        static_cast<std::int32_t>(n_tokens - 1 - i), kBirth};
  if (i < task.n_slots) {
    const auto n_born = n_at(task.layer, task.slots[i]) - task.n_sink;
    moments[i + (n_born > 0 ? n_born : 0)] = {0, task.slots[i]};
  }
}

// How many keys wait for a slot, b, after some moments as a function of b before: max(b + change, least).
struct Waiting {
  int change = 0;
  int least = 0;

  KVCOMPARE_DEVICE int after(int before) const { return before + change > least ? before + change : least; }
};

// Forgets what was before: less than minus any count, and such that two of them make no overflow.
constexpr int kNone = -(1 << 30);

KVCOMPARE_DEVICE Waiting then(const Waiting& a, const Waiting& b) {
  const int change = a.change + b.change;
  return {change > kNone ? change : kNone, b.after(a.least)};
}
KVCOMPARE_DEVICE int then(int a, int b) { return a + b; }

KVCOMPARE_DEVICE Waiting from_lane(const Waiting& value, int lane) {
  return {gpu::shuffle(value.change, lane), gpu::shuffle(value.least, lane)};
}
KVCOMPARE_DEVICE int from_lane(int value, int lane) { return gpu::shuffle(value, lane); }

// Of the warp: the lanes up to this one, one after the other.
template <class T>
KVCOMPARE_DEVICE T up_to_lane(T value) {
  for (int by = 1; by < 32; by *= 2) {
    const auto before = from_lane(value, gpu::lane() - by);
    if (gpu::lane() >= by) value = then(before, value);
  }
  return value;
}

template <class T>
struct Scanned {
  T before;  // of the threads before this one
  T all;
};

// Of the block. parts: one of each warp, in shared memory; free again behind the next barrier.
template <class T>
KVCOMPARE_DEVICE Scanned<T> scan(T own, T* parts) {
  const auto in_warp = up_to_lane(own);
  if (gpu::lane() == 31) parts[gpu::warp()] = in_warp;
  gpu::sync_block();
  const auto of_warps = up_to_lane(gpu::lane() < gpu::n_threads() / 32 ? parts[gpu::lane()] : T{});
  const auto warps_before = from_lane(of_warps, gpu::warp() - 1),
             lanes_before = from_lane(in_warp, gpu::lane() - 1);
  return {then(gpu::warp() == 0 ? T{} : warps_before, gpu::lane() == 0 ? T{} : lanes_before),
          from_lane(of_warps, 31)};
}

// The moments of a pass: first those of lower halves, then, from behind, those of upper ones. So both can be
// written before it is known how many there are.
struct Halves {
  Moment* moments;
  int n;
  int n_lower;

  KVCOMPARE_DEVICE Moment& at(int i) const { return moments[i < n_lower ? i : n - 1 - (i - n_lower)]; }
};

// One pass: decides a bit of the ranks of slots and parts the groups by it. A group is what agrees in all
// bits above.
KVCOMPARE_DEVICE int decide(const Halves& from, Moment* to, int bit) {
  auto* waiting_parts = reinterpret_cast<Waiting*>(gpu::shared_memory());
  auto* count_parts = reinterpret_cast<int*>(waiting_parts + kMostThreads / 32);
  int n_waiting = 0, n_lower = 0;
  for (int begin = 0; begin < from.n; begin += gpu::n_threads() * kOwn) {
    const int first = begin + gpu::thread() * kOwn;
    const int n_own = from.n - first < kOwn ? from.n - first : kOwn;  // may be negative
    Moment own[kOwn];
    bool starts_group[kOwn];
    Waiting steps[kOwn], all_own;
    int group = first > 0 && n_own > 0 ? from.at(first - 1).rank >> (bit + 1) : -1;
    for (int i = 0; i < kOwn; ++i) {
      if (i >= n_own) continue;
      own[i] = from.at(first + i);
      const bool is_lower = (own[i].rank >> bit & 1) == 0;
      starts_group[i] = own[i].rank >> (bit + 1) != group;
      group = own[i].rank >> (bit + 1);
      steps[i].change = own[i].event == kBirth ? (is_lower ? 1 : 0) : -1;
      if (starts_group[i]) all_own = then(all_own, {kNone, 0});
      all_own = then(all_own, steps[i]);
    }
    const auto waiting = scan(all_own, waiting_parts);
    int b = waiting.before.after(n_waiting), n_own_lower = 0;
    for (int i = 0; i < kOwn; ++i) {
      if (i >= n_own) continue;
      if (starts_group[i]) b = 0;
      if (own[i].event != kBirth && b == 0) own[i].rank |= 1 << bit;
      b = steps[i].after(b);
      n_own_lower += (own[i].rank >> bit & 1) == 0;
    }
    const auto count = scan(n_own_lower, count_parts);
    int lower = n_lower + count.before;
    for (int i = 0; i < kOwn; ++i) {
      if (i >= n_own) continue;
      const bool is_lower = (own[i].rank >> bit & 1) == 0;
      to[is_lower ? lower : from.n - 1 - (first + i - lower)] = own[i];
      lower += is_lower;
    }
    n_waiting = waiting.all.after(n_waiting);
    n_lower += count.all;
  }
  return n_lower;
}

// One block a head.
KVCOMPARE_KERNEL void match(RatioSchedule task, int n, int n_bits) {
  const std::int64_t head = gpu::block_x();
  Halves moments{moments_of(task, head, n), n, n};
  Moment* others = moments.moments + n;
  for (int bit = n_bits - 1; bit >= 0; --bit) {
    const int n_lower = decide(moments, others, bit);
    gpu::sync_block();
    auto* decided = others;
    others = moments.moments;
    moments = {decided, n, n_lower};
  }
  const auto* order = task.order + head * task.layer.n_tokens;
  for (int i = gpu::thread(); i < n; i += gpu::n_threads()) {
    const auto moment = moments.moments[i];
    if (moment.event != kBirth)
      evict(task.layer, head, order[task.layer.n_tokens - 1 - moment.rank], moment.event);
  }
}

}  // namespace

void fixed_schedule_kernel(const KeepAllSchedule& task, gpu::Stream stream) {
  gpu::launch(keep_all, one_thread_each(task.layer.n_tokens, task.layer.n_kv_heads), kThreads, 0, stream,
              task);
}

void fixed_schedule_kernel(const ThresholdSchedule& task, gpu::Stream stream) {
  gpu::launch(judge, one_thread_each(task.layer.n_tokens, task.layer.n_kv_heads), kThreads, 0, stream, task);
}

std::size_t ratio_workspace_bytes(const RatioSchedule& task) {
  return static_cast<std::size_t>(2 * n_moments(task) * task.layer.n_kv_heads) * sizeof(Moment);
}

void fixed_schedule_kernel(const RatioSchedule& task, gpu::Stream stream) {
  const auto n = n_moments(task);
  gpu::launch(lay_out, one_thread_each(task.layer.n_tokens, task.layer.n_kv_heads), kThreads, 0, stream, task,
              n);
  if (task.n_slots == 0) return;
  int n_bits = 0;
  while (std::int64_t{1} << n_bits < task.layer.n_tokens) ++n_bits;
  int n_threads = 32;
  while (n_threads < kMostThreads && n_threads * kOwn < n) n_threads += 32;
  const auto shared_bytes = (sizeof(Waiting) + sizeof(int)) * kMostThreads / 32;
  gpu::launch(match, {task.layer.n_kv_heads}, n_threads, shared_bytes, stream, task, static_cast<int>(n),
              n_bits);
}

void random_scores_kernel(const RandomScores& task, gpu::Stream stream) {
  gpu::launch(draw, one_thread_each(task.n_tokens, task.n_kv_heads), kThreads, 0, stream, task);
}

}  // namespace kvcompare
