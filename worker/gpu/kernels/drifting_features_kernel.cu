#include <cstdint>

#include "worker/gpu/kernels/drifting_schedule_kernel.h"
#include "worker/gpu/kernels/gpu.cuh"

namespace kvcompare {
namespace {

constexpr int kThreads = 256;
constexpr int kTile = 16;  // tokens whose deviations from the mean are in shared memory

// ---- QueryFeatures

// Where the four rows of pairs (a, b) begin, b = a ... half - 1.
KVCOMPARE_DEVICE int first_of_pairs(int a, int half) { return 2 * a * (2 * half - a + 1); }

// A pair (a, b) of pairs of channels, a <= b, and what a thread knows of it: the sums of the products of
// channels a and a + half by channels b and b + half.
struct Pairing {
  int a, b;
  int first;  // index of the first of the four among the pair products; the next are n further on each
  int n;
  double s00, s01, s10, s11;
};

KVCOMPARE_DEVICE Pairing pairing(int index, int half) {
  Pairing p = {};
  while (index >= half - p.a) index -= half - p.a++;
  p.b = p.a + index;
  p.n = half - p.a;
  p.first = first_of_pairs(p.a, half) + index;
  return p;
}

// Row by row of the mean rotation R: R S R^T / (2 d count), twice where b > a.
KVCOMPARE_DEVICE void write_rotated(const Pairing& p, double factor, const double* cos, const double* sin,
                                    float* features) {
  const double weight = p.b > p.a ? 2 * factor : factor;
  const double ca = weight * cos[p.a], sa = weight * sin[p.a], cb = cos[p.b], sb = sin[p.b];
  const double t00 = ca * p.s00 - sa * p.s10, t01 = ca * p.s01 - sa * p.s11;
  const double t10 = ca * p.s10 + sa * p.s00, t11 = ca * p.s11 + sa * p.s01;
  features[p.first] = static_cast<float>(t00 * cb - t01 * sb);
  features[p.first + p.n] = static_cast<float>(t01 * cb + t00 * sb);
  features[p.first + 2 * p.n] = static_cast<float>(t10 * cb - t11 * sb);
  features[p.first + 3 * p.n] = static_cast<float>(t11 * cb + t10 * sb);
}

// One query head, along y, and kThreads of its pairings, along x; the first block in x writes the means. Each
// block follows the mean by itself, in shared memory, and leaves the deviations of kTile tokens there.
template <class T>
class QueryStatistics {
 public:
  KVCOMPARE_DEVICE explicit QueryStatistics(const QueryFeatures<T>& task)
      : d_(static_cast<int>(task.shape.d_head)),
        half_(d_ / 2),
        head_(gpu::block_y()),
        index_(gpu::block_x() * gpu::n_threads() + gpu::thread()),
        has_pairing_(task.shape.n_features > d_ && index_ < half_ * (half_ + 1) / 2),
        deviations_(reinterpret_cast<double*>(gpu::shared_memory())),
        mean_(deviations_ + kTile * d_),
        weights_(mean_ + d_) {}

  KVCOMPARE_DEVICE void run(const QueryFeatures<T>& task) {
    const auto n_sink = task.shape.n_sink, n_events = task.events.n_events;
    const bool is_first = task.n_before <= n_sink;
    for (int c = gpu::thread(); c < d_; c += gpu::n_threads())
      mean_[c] = is_first ? 0 : task.mean[head_ * d_ + c];
    Pairing p = {};
    if (has_pairing_) p = pairing(index_, half_);
    if (has_pairing_ && !is_first) load(task, p);
    int event = 0;
    for (auto token = is_first ? n_sink : task.n_before; token < task.n_after; token += kTile) {
      const auto left = task.n_after - token;
      const int n = left < kTile ? static_cast<int>(left) : kTile;
      gpu::sync_block();
      follow_mean(task, token, n, event);
      gpu::sync_block();
      if (has_pairing_) add(task, token, n, event, p);
      while (event < n_events && task.events.n[event] <= token + n) ++event;
    }
    if (has_pairing_) store(task, p);
    if (gpu::block_x() > 0) return;
    for (int c = gpu::thread(); c < d_; c += gpu::n_threads()) task.next_mean[head_ * d_ + c] = mean_[c];
  }

 private:
  KVCOMPARE_DEVICE static bool is_at(const DriftingEvents& events, int event, std::int64_t n) {
    return event < events.n_events && events.n[event] == n;
  }

  KVCOMPARE_DEVICE float* features(const QueryFeatures<T>& task, int event) const {
    const auto group = task.shape.n_heads / task.shape.n_kv_heads;
    const auto row = (head_ / group * task.events.n_events + event) * group + head_ % group;
    return task.features + row * task.shape.n_features;
  }

  // Of n tokens from `token` on; `event` is the first that comes after `token`.
  KVCOMPARE_DEVICE void follow_mean(const QueryFeatures<T>& task, std::int64_t token, int n, int event) {
    const auto n_seen = token - task.shape.n_sink;
    if (gpu::thread() < n)
      weights_[gpu::thread()] =
          static_cast<double>(n_seen + gpu::thread()) / static_cast<double>(n_seen + gpu::thread() + 1);
    for (int c = gpu::thread(); c < half_; c += gpu::n_threads()) {
      double upper = mean_[c], lower = mean_[c + half_];
      const auto* q = task.q + token * task.stride + std::int64_t{head_} * d_ + c;
      for (int t = 0, e = event; t < n; ++t, q += task.stride) {
        const double upper_deviation = static_cast<double>(static_cast<float>(q[0])) - upper;
        const double lower_deviation = static_cast<double>(static_cast<float>(q[half_])) - lower;
        deviations_[t * d_ + c] = upper_deviation;
        deviations_[t * d_ + c + half_] = lower_deviation;
        const auto count = static_cast<double>(n_seen + t + 1);
        upper += upper_deviation / count;
        lower += lower_deviation / count;
        if (!is_at(task.events, e, token + t + 1)) continue;
        if (gpu::block_x() == 0) write_mean(task, e, c, upper, lower);
        ++e;
      }
      mean_[c] = upper;
      mean_[c + half_] = lower;
    }
  }

  KVCOMPARE_DEVICE void write_mean(const QueryFeatures<T>& task, int event, int c, double upper,
                                   double lower) const {
    const double cos = task.events.cos[event * half_ + c], sin = task.events.sin[event * half_ + c];
    const double scale = 1 / sqrt(task.shape.scalar);
    auto* out = features(task, event) + task.shape.n_features - d_ + c;
    out[0] = static_cast<float>((upper * cos - lower * sin) * scale);
    out[half_] = static_cast<float>((lower * cos + upper * sin) * scale);
  }

  // The same tokens: Welford's step, so nothing is subtracted that has grown large.
  KVCOMPARE_DEVICE void add(const QueryFeatures<T>& task, std::int64_t token, int n, int event,
                            Pairing& p) const {
    for (int t = 0; t < n; ++t) {
      const auto* deviation = deviations_ + t * d_;
      const double upper = weights_[t] * deviation[p.a], lower = weights_[t] * deviation[p.a + half_];
      p.s00 += upper * deviation[p.b];
      p.s01 += upper * deviation[p.b + half_];
      p.s10 += lower * deviation[p.b];
      p.s11 += lower * deviation[p.b + half_];
      if (!is_at(task.events, event, token + t + 1)) continue;
      const auto count = static_cast<double>(token + t + 1 - task.shape.n_sink);
      write_rotated(p, 1 / (count * 2 * task.shape.scalar), task.events.cos + event * half_,
                    task.events.sin + event * half_, features(task, event));
      ++event;
    }
  }

  KVCOMPARE_DEVICE double* scatter(const QueryFeatures<T>& task, const Pairing& p) const {
    return task.scatter + head_ * (task.shape.n_features - d_) + p.first;
  }
  KVCOMPARE_DEVICE void load(const QueryFeatures<T>& task, Pairing& p) const {
    const auto* s = scatter(task, p);
    p.s00 = s[0], p.s01 = s[p.n], p.s10 = s[2 * p.n], p.s11 = s[3 * p.n];
  }
  KVCOMPARE_DEVICE void store(const QueryFeatures<T>& task, const Pairing& p) const {
    auto* s = scatter(task, p);
    s[0] = p.s00, s[p.n] = p.s01, s[2 * p.n] = p.s10, s[3 * p.n] = p.s11;
  }

  const int d_, half_, head_, index_;
  const bool has_pairing_;
  double* const deviations_;  // [kTile, d_head]
  double* const mean_;        // [d_head]
  double* const weights_;     // [kTile], (count - 1) / count
};

template <class T>
KVCOMPARE_KERNEL void query_features(QueryFeatures<T> task) {
  QueryStatistics<T>(task).run(task);
}

// ---- KeyFeatures

// One block a key, KV heads along y. Shared memory: the key.
template <class T>
KVCOMPARE_KERNEL void key_features(KeyFeatures<T> task) {
  auto* key = reinterpret_cast<float*>(gpu::shared_memory());
  const auto& candidates = task.candidates;
  const auto index = static_cast<std::int64_t>(gpu::block_x());
  const auto kv_head = static_cast<std::int64_t>(gpu::block_y());
  const auto first = task.n_before > task.shape.n_sink ? task.n_before : task.shape.n_sink;
  const auto position = first + index;
  const auto place = index < task.n_reused
                         ? candidates.evicted[kv_head * candidates.n_evictions + task.first_reused + index]
                         : task.n_used_before + index - task.n_reused;
  const auto row = kv_head * candidates.capacity + place;
  if (gpu::thread() == 0) {
    candidates.positions[row] = static_cast<std::int32_t>(position);
    candidates.log_vnorm[row] = task.log_vnorm[kv_head * task.n_tokens + position];
  }
  const auto d = static_cast<int>(task.shape.d_head), half = d / 2;
  const auto n_products = static_cast<int>(task.shape.n_features) - d;
  auto* features = candidates.features + row * task.shape.n_features;
  const auto* k = task.k + position * task.stride + kv_head * d;
  for (int c = gpu::thread(); c < d; c += gpu::n_threads())
    features[n_products + c] = key[c] = static_cast<float>(k[c]);
  if (n_products == 0) return;
  gpu::sync_block();
  for (int a = gpu::warp(); a < half; a += gpu::n_threads() / 32) {
    auto* out = features + first_of_pairs(a, half);
    const int n = half - a;
    for (int i = gpu::lane(); i < n; i += 32) {
      const float upper = key[a + i], lower = key[a + i + half];
      out[i] = key[a] * upper;
      out[n + i] = key[a] * lower;
      out[2 * n + i] = key[a + half] * upper;
      out[3 * n + i] = key[a + half] * lower;
    }
  }
}

std::int64_t blocks_of(std::int64_t n, std::int64_t n_in_block) { return (n + n_in_block - 1) / n_in_block; }

}  // namespace

template <class T>
void drifting_schedule_kernel(const QueryFeatures<T>& task, gpu::Stream stream) {
  const auto d = task.shape.d_head, half = d / 2;
  const auto n_pairings = task.shape.n_features > d ? half * (half + 1) / 2 : 1;
  const auto shared_bytes = static_cast<std::size_t>((kTile + 1) * d + kTile) * sizeof(double);
  gpu::launch(query_features<T>, {blocks_of(n_pairings, kThreads), task.shape.n_heads}, kThreads,
              shared_bytes, stream, task);
}

template <class T>
void drifting_schedule_kernel(const KeyFeatures<T>& task, gpu::Stream stream) {
  gpu::launch(key_features<T>, {task.n_new, task.shape.n_kv_heads}, kThreads,
              static_cast<std::size_t>(task.shape.d_head) * sizeof(float), stream, task);
}

#define KVCOMPARE_DRIFTING_FEATURES_KERNELS(T)                                  \
  template void drifting_schedule_kernel(const QueryFeatures<T>&, gpu::Stream); \
  template void drifting_schedule_kernel(const KeyFeatures<T>&, gpu::Stream);
KVCOMPARE_DRIFTING_FEATURES_KERNELS(float)
KVCOMPARE_DRIFTING_FEATURES_KERNELS(c10::Half)
KVCOMPARE_DRIFTING_FEATURES_KERNELS(c10::BFloat16)

}  // namespace kvcompare
