#include "tests/kernels/reference/drifting_schedule_kernel_reference.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include "worker/gpu/kernels/layer_deaths.cuh"

namespace kvcompare {
namespace {

using Row = std::vector<double>;

// Channels (c, c') of each pair product, in their order.
std::vector<std::pair<std::int64_t, std::int64_t>> pair_products(std::int64_t d_head) {
  std::vector<std::pair<std::int64_t, std::int64_t>> pairs;
  const auto half = d_head / 2;
  for (std::int64_t a = 0; a < half; ++a)
    for (const auto& [first, second] : {std::pair(0, 0), std::pair(0, 1), std::pair(1, 0), std::pair(1, 1)})
      for (auto b = a; b < half; ++b) pairs.emplace_back(a + first * half, b + second * half);
  return pairs;
}

// Mean and scatter of the queries of one head, carried from block to block.
class HeadStatistics {
 public:
  HeadStatistics(const DriftingShape& shape, bool is_first, const double* mean, double* scatter)
      : d_(shape.d_head),
        pairs_(shape.n_features > d_ ? pair_products(d_) : decltype(pairs_)()),
        scalar_(shape.scalar),
        scatter_(scatter) {
    mean_.assign(static_cast<std::size_t>(d_), 0);
    index_.resize(static_cast<std::size_t>(d_ * d_));
    for (std::size_t i = 0; i < pairs_.size(); ++i)
      index_[static_cast<std::size_t>(pairs_[i].first * d_ + pairs_[i].second)] = i;
    if (is_first) {
      std::fill_n(scatter_, pairs_.size(), 0.0);
    } else {
      std::copy_n(mean, d_, mean_.begin());
    }
  }

  const Row& mean() const { return mean_; }

  // The count-th query, counted from 1.
  template <class T>
  void add(const T* q, double count) {
    Row before, after;
    for (std::size_t c = 0; c < mean_.size(); ++c) {
      before.push_back(static_cast<double>(q[c]) - mean_[c]);
      mean_[c] += before[c] / count;
      after.push_back(static_cast<double>(q[c]) - mean_[c]);
    }
    for (std::size_t i = 0; i < pairs_.size(); ++i)
      scatter_[i] += before[static_cast<std::size_t>(pairs_[i].first)] *
                     after[static_cast<std::size_t>(pairs_[i].second)];
  }

  // With R the matrix of the rotation: R covariance R^T / (2 scalar), and R mean / sqrt(scalar).
  void write(double count, const double* cos, const double* sin, float* features) const {
    const auto half = d_ / 2;
    const auto r = [&](std::int64_t row, std::int64_t column) {
      const auto c = row % half;
      if (column % half != c) return 0.0;
      if (row == column) return cos[c];
      return row < column ? -sin[c] : sin[c];
    };
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      const auto [x, y] = pairs_[i];
      double sum = 0;
      for (const auto u : {x % half, x % half + half})
        for (const auto w : {y % half, y % half + half}) sum += r(x, u) * scatter(u, w) * r(y, w);
      *features++ = static_cast<float>((x % half == y % half ? 1 : 2) * sum / (count * 2 * scalar_));
    }
    for (std::int64_t row = 0; row < d_; ++row) {
      double sum = 0;
      for (std::int64_t column = 0; column < d_; ++column)
        sum += r(row, column) * mean_[static_cast<std::size_t>(column)];
      *features++ = static_cast<float>(sum / std::sqrt(scalar_));
    }
  }

 private:
  // Known for the order of indices that pairs have.
  double scatter(std::int64_t c, std::int64_t other) const {
    return scatter_[index_[static_cast<std::size_t>(c * d_ + other)]];
  }

  const std::int64_t d_;
  const std::vector<std::pair<std::int64_t, std::int64_t>> pairs_;
  const double scalar_;
  double* const scatter_;
  Row mean_;
  std::vector<std::size_t> index_;  // [d_head, d_head], into pairs_
};

double log_sum_exp(const Row& x) {
  const auto highest = *std::ranges::max_element(x);
  double sum = 0;
  for (const auto y : x) sum += std::exp(y - highest);
  return highest + std::log(sum);
}

struct Scored {
  std::int64_t place;
  std::int32_t position;
  double score;
};

// Of the keys that are alive at an event.
std::vector<Scored> scores(const EvictLowest& task, std::int64_t kv_head, std::int64_t event) {
  const auto& candidates = task.candidates;
  std::vector<Scored> keys;
  for (std::int64_t place = 0; place < task.n_places; ++place) {
    const auto position = candidates.positions[kv_head * candidates.capacity + place];
    if (position < task.events.n[event]) keys.push_back({place, position, 0});
  }
  const auto group = task.shape.n_heads / task.shape.n_kv_heads;
  std::vector<Row> log_p(keys.size());  // of each key, per query head
  for (std::int64_t g = 0; g < group; ++g) {
    const auto* z = task.z + ((kv_head * task.events.n_events + event) * group + g) * task.n_places;
    Row of_head;
    for (const auto& key : keys) of_head.push_back(static_cast<double>(z[key.place]));
    const auto all = log_sum_exp(of_head);
    for (std::size_t i = 0; i < keys.size(); ++i) log_p[i].push_back(of_head[i] - all);
  }
  for (std::size_t i = 0; i < keys.size(); ++i)
    keys[i].score = log_sum_exp(log_p[i]) - std::log(static_cast<double>(group)) +
                    static_cast<double>(candidates.log_vnorm[kv_head * candidates.capacity + keys[i].place]);
  return keys;
}

}  // namespace

template <class T>
void drifting_schedule_kernel_reference(const StartDrifting<T>& task) {
  std::fill_n(task.candidates.positions, task.layer.n_kv_heads * task.candidates.capacity, kNoKey);
  for (std::int64_t h = 0; h < task.layer.n_kv_heads; ++h)
    for (std::int64_t j = 0; j < task.layer.n_tokens; ++j) {
      keep(task.layer, h, j);
      double squares = 0;
      for (std::int64_t c = 0; c < task.shape.d_head; ++c)
        squares += std::pow(static_cast<double>(task.v[j * task.stride + h * task.shape.d_head + c]), 2);
      task.log_vnorm[h * task.layer.n_tokens + j] =
          task.use_vnorm ? static_cast<float>(std::log(std::sqrt(squares))) : 0;
    }
}

template <class T>
void drifting_schedule_kernel_reference(const QueryFeatures<T>& task) {
  const auto& shape = task.shape;
  const auto d = shape.d_head, group = shape.n_heads / shape.n_kv_heads;
  const bool is_first = task.n_before <= shape.n_sink;
  for (std::int64_t h = 0; h < shape.n_heads; ++h) {
    HeadStatistics statistics(shape, is_first, is_first ? nullptr : task.mean + h * d,
                              task.scatter + h * (shape.n_features - d));
    std::int64_t event = 0;
    for (auto s = std::max(task.n_before, shape.n_sink); s < task.n_after; ++s) {
      const auto count = static_cast<double>(s - shape.n_sink + 1);
      statistics.add(task.q + s * task.stride + h * d, count);
      if (task.events.n[event] != s + 1) continue;
      statistics.write(count, task.events.cos + event * d / 2, task.events.sin + event * d / 2,
                       task.features + ((h / group * task.events.n_events + event) * group + h % group) *
                                           shape.n_features);
      ++event;
    }
    std::ranges::copy(statistics.mean(), task.next_mean + h * d);
  }
}

template <class T>
void drifting_schedule_kernel_reference(const KeyFeatures<T>& task) {
  const auto& candidates = task.candidates;
  const auto d = task.shape.d_head;
  const auto pairs = task.shape.n_features > d ? pair_products(d) : decltype(pair_products(d))();
  for (std::int64_t h = 0; h < task.shape.n_kv_heads; ++h) {
    std::vector<std::int64_t> places;
    for (std::int64_t i = 0; i < task.n_reused; ++i)
      places.push_back(candidates.evicted[h * candidates.n_evictions + task.first_reused + i]);
    for (auto place = task.n_used_before; std::ssize(places) < task.n_new; ++place) places.push_back(place);
    auto position = std::max(task.n_before, task.shape.n_sink);
    for (const auto place : places) {
      const auto row = h * candidates.capacity + place;
      const auto* k = task.k + position * task.stride + h * d;
      auto* out = candidates.features + row * task.shape.n_features;
      for (const auto& [x, y] : pairs)
        *out++ = static_cast<float>(static_cast<double>(k[x]) * static_cast<double>(k[y]));
      for (std::int64_t c = 0; c < d; ++c) *out++ = static_cast<float>(k[c]);
      candidates.log_vnorm[row] = task.log_vnorm[h * task.n_tokens + position];
      candidates.positions[row] = static_cast<std::int32_t>(position++);
    }
  }
}

void drifting_schedule_kernel_reference(const EvictLowest& task) {
  const auto& candidates = task.candidates;
  for (std::int64_t h = 0; h < task.shape.n_kv_heads; ++h)
    for (std::int64_t e = 0; e < task.events.n_events; ++e) {
      auto keys = scores(task, h, e);
      for (auto& key : keys) {
        if (!std::isnan(key.score)) continue;
        *task.status |= kNanScore;
        key.score = -INFINITY;  // so that there is an order
      }
      const auto first = task.events.first_eviction[e], last = task.events.first_eviction[e + 1] - 1;
      auto* evicted = candidates.evicted + h * candidates.n_evictions;
      const auto evict_key = [&](const Scored& key, std::int32_t eviction) {
        evict(task.layer, h, key.position, task.events.events[e]);
        candidates.positions[h * candidates.capacity + key.place] = kNoKey;
        evicted[eviction] = static_cast<std::int32_t>(key.place);
      };
      if (task.threshold == EvictLowest::kNoThreshold) {
        std::ranges::sort(keys, [](const Scored& a, const Scored& b) {
          return a.score < b.score || (a.score == b.score && a.position > b.position);
        });
        for (auto i = first; i <= last; ++i) evict_key(keys[static_cast<std::size_t>(i - first)], i);
        continue;
      }
      std::fill(evicted + first, evicted + last + 1, -1);
      for (const auto& key : keys)
        if (key.place >= first && key.place <= last && key.score < task.threshold)
          evict_key(key, static_cast<std::int32_t>(key.place));
    }
}

#define KVCOMPARE_DRIFTING_SCHEDULE_REFERENCES(T)                            \
  template void drifting_schedule_kernel_reference(const StartDrifting<T>&); \
  template void drifting_schedule_kernel_reference(const QueryFeatures<T>&); \
  template void drifting_schedule_kernel_reference(const KeyFeatures<T>&);
KVCOMPARE_DRIFTING_SCHEDULE_REFERENCES(float)
KVCOMPARE_DRIFTING_SCHEDULE_REFERENCES(c10::Half)
KVCOMPARE_DRIFTING_SCHEDULE_REFERENCES(c10::BFloat16)

}  // namespace kvcompare
