#include "presses/schedule/observed_head.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/mv.h>

#include "presses/policy/eviction.h"
#include "presses/schedule/alive_list.h"
#include "presses/schedule/attention_received.h"
#include "presses/schedule/attention_row.h"

namespace kvcompare {
namespace {

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

// The columns of a block are the keys that are alive when the block begins, followed by the block's own keys.
// Columns are cut into tiles. A tile holds exp(logit - largest logit of the tile) for every row; to compute
// it, nobody has to know which keys die inside the block. The softmax weights of a row follow from the
// largest logits of its tiles and from the sums over the keys that are alive at that row. T is the type of
// the softmax, float or double.
template <class T>
class HeadOfT : public ObservedHead {
 public:
  HeadOfT(const ObservingSchedule& schedule, const WholeHead& head, std::span<DeathTime> deaths)
      : schedule_(schedule),
        q_((head.q.transpose(0, 1).to(kType) / head.rule.scale.divisor()).contiguous()),
        k_(head.k.to(kType).contiguous()),
        group_(head.q.size(0)),
        window_(head.rule.window.value_or(schedule.chunking.n_tokens)),
        deaths_(deaths),
        received_(schedule.scorer.last_queries()) {}

  void start_block(std::int64_t begin, std::int64_t end) override {
    begin_ = begin;
    end_ = end;
    n_old_ = std::ssize(positions_);
    for (auto j = begin; j < end; ++j) positions_.push_back(static_cast<std::int32_t>(j));
    is_alive_.assign(positions_.size(), 1);
    exponentials_ = at::empty({(end - begin) * group_, std::ssize(positions_)}, kType);
    highest_.resize(size(exponentials_.size(0)) * n_key_tasks());
  }

  std::size_t n_key_tasks() const override { return (positions_.size() + kTile - 1) / kTile; }

  void run_key_task(std::size_t task) override {
    const auto first = task * kTile;
    const auto n_keys = std::min(kTile, positions_.size() - first);
    auto x = exponentials_.narrow(1, std::int64_t(first), std::int64_t(n_keys));
    at::mm_out(x, q_.narrow(0, begin_, end_ - begin_).flatten(0, 1), keys(first, n_keys).t());
    auto* highest = highest_.data() + task * size(x.size(0));
    for (std::int64_t r = 0; r < x.size(0); ++r) {
      const auto n_visible =
          std::clamp<std::int64_t>(n_old_ + r / group_ + 1 - std::int64_t(first), 0, std::int64_t(n_keys));
      const std::span row(x.template mutable_data_ptr<T>() + r * x.stride(0), size(n_visible));
      const auto n_left = size(n_out_of_window(begin_ + r / group_, first, row.size()));
      std::ranges::fill(row.first(n_left), T(0));
      highest[r] = exponentials(row.subspan(n_left));
    }
  }

  void follow_rows() override {
    alive_.clear();
    for (std::int32_t c = 0; c < n_old_; ++c) alive_.push_back(c);
    for (auto i = begin_; i < end_; ++i) {
      alive_.push_back(static_cast<std::int32_t>(n_old_ + i - begin_));
      add_row(i);
      const auto e = i / schedule_.chunking.chunk_size;
      if (i + 1 == schedule_.chunking.n_at(e)) event(e);
    }
    drop_the_dead();
  }

 private:
  static constexpr auto kType = c10::CppTypeToScalarType<T>::value;
  static constexpr std::size_t kTile = 128;  // columns
  // If the sum of a row is smaller than this, the largest logit of the tiles belongs to a key that has died,
  // and the exponentials of keys that are alive may have been rounded to 0 (simd-inl.h).
  static constexpr T kLeastSum = static_cast<T>(sizeof(T) == 4 ? 1e-25 : 1e-280);

  // The keys of the columns from `first` on: [n, d_head].
  at::Tensor keys(std::size_t first, std::size_t n) const {
    auto keys = at::empty({std::int64_t(n), k_.size(1)}, kType);
    auto* to = keys.template mutable_data_ptr<T>();
    for (std::size_t c = first; c < first + n; ++c)
      to = std::copy_n(k_.template const_data_ptr<T>() + positions_[c] * k_.size(1), k_.size(1), to);
    return keys;
  }

  // Returns how many of the columns [first, first + n) the window of query i has left behind.
  std::int64_t n_out_of_window(std::int64_t i, std::size_t first, std::size_t n) const {
    const auto columns = std::span(positions_).subspan(first, n);
    return std::ranges::upper_bound(columns, i - window_) - columns.begin();
  }

  // Adds what the alive keys receive from query i, summed over the query heads.
  void add_row(std::int64_t i) {
    const auto n_visible = size(n_old_ + i - begin_ + 1);
    const auto n_tiles = (n_visible + kTile - 1) / kTile;
    const std::span is_alive = std::span<const T>(is_alive_).first(n_visible);
    const auto received = received_.next_row(n_visible);
    scales_.assign(n_tiles * size(group_), 0);
    const auto* rows =
        exponentials_.template const_data_ptr<T>() + (i - begin_) * group_ * exponentials_.size(1);
    for (std::int64_t g = 0; g < group_; ++g) {
      const std::span row(rows + g * exponentials_.size(1), n_visible);
      if (!scale(row, is_alive, (i - begin_) * group_ + g, size(g), n_tiles))
        add_row_anew(i, g, is_alive, received);
    }
    add_scaled_rows<T>({rows, size(exponentials_.size(1)), size(group_), kTile}, scales_, is_alive, received);
  }

  // Computes the factor of each tile that turns the exponentials of a row into softmax weights. Returns false
  // if the sum of the row is too small to do so; the factors are then 0.
  bool scale(std::span<const T> row, std::span<const T> is_alive, std::int64_t r, std::size_t g,
             std::size_t n_tiles) {
    const auto n_rows = size(exponentials_.size(0));
    auto highest = -std::numeric_limits<T>::infinity();
    for (std::size_t t = 0; t < n_tiles; ++t) highest = std::max(highest, highest_[t * n_rows + size(r)]);
    T sum = 0;
    factors_.resize(n_tiles);
    for (std::size_t t = 0; t < n_tiles; ++t) {
      factors_[t] = std::exp(highest_[t * n_rows + size(r)] - highest);
      const auto n = std::min(kTile, row.size() - t * kTile);
      sum += factors_[t] * sum_of_alive(row.subspan(t * kTile, n), is_alive.subspan(t * kTile, n));
    }
    if (sum < kLeastSum) return false;
    for (std::size_t t = 0; t < n_tiles; ++t) scales_[t * size(group_) + g] = factors_[t] / sum;
    return true;
  }

  // Computes the row again, from the logits of the alive keys alone.
  void add_row_anew(std::int64_t i, std::int64_t g, std::span<const T> is_alive, std::span<double> received) {
    const auto n = is_alive.size();
    auto logits = keys(0, n).mv(q_.select(0, i).select(0, g));
    bias_.assign(n, -std::numeric_limits<T>::infinity());
    for (auto c = size(n_out_of_window(i, 0, n)); c < n; ++c)
      if (is_alive[c] != 0) bias_[c] = 0;
    add_attention_row(std::span(logits.template mutable_data_ptr<T>(), n), bias_, received);
  }

  void event(std::int64_t e) {
    const auto event = schedule_.chunking.event(e);
    if (!may_evict(schedule_.policy, schedule_.n_sink, event, std::ssize(alive_))) return;
    alive_positions_.resize(alive_.size());
    alive_received_.resize(alive_.size());
    scores_.resize(alive_.size());
    for (std::size_t a = 0; a < alive_.size(); ++a) alive_positions_[a] = positions_[size(alive_[a])];
    received_.sums(alive_, alive_received_);
    for (auto& sum : alive_received_) sum /= static_cast<double>(group_);
    schedule_.scorer.score(event.n, alive_positions_, alive_received_, scores_);
    const auto dying = evicted(schedule_.policy, schedule_.n_sink, event, alive_positions_, scores_);
    for (const auto a : dying) {
      deaths_[size(alive_positions_[size(a)])] = static_cast<DeathTime>(e);
      is_alive_[size(alive_[size(a)])] = 0;
    }
    erase_indices(alive_, dying);
  }

  void drop_the_dead() {
    std::vector<std::int32_t> positions;
    for (const auto c : alive_) positions.push_back(positions_[size(c)]);
    positions_ = std::move(positions);
    received_.keep(alive_);
  }

  const ObservingSchedule& schedule_;
  const at::Tensor q_;  // [n_tokens, group, d_head], scaled
  const at::Tensor k_;  // [n_tokens, d_head]
  const std::int64_t group_;
  const std::int64_t window_;  // how many positions back a query sees; all of them without a window
  const std::span<DeathTime> deaths_;
  std::int64_t begin_ = 0, end_ = 0;     // rows of the block
  std::int64_t n_old_ = 0;               // columns of keys from before the block
  std::vector<std::int32_t> positions_;  // of the columns
  AttentionReceived received_;           // of the columns, summed over query heads
  std::vector<T> is_alive_;              // of the columns: 1, or 0 if evicted inside the block
  at::Tensor exponentials_;              // [n_rows * group, n_columns]; beyond a row's own column undefined
  std::vector<T> highest_;               // [n_tiles, n_rows * group]; what was subtracted
  std::vector<T> factors_, scales_;      // [n_tiles], [n_tiles, group]
  std::vector<T> bias_;
  std::vector<std::int32_t> alive_;  // ascending columns
  std::vector<std::int32_t> alive_positions_;
  std::vector<double> alive_received_;
  std::vector<double> scores_;
};

}  // namespace

std::unique_ptr<ObservedHead> start_observed_head(const ObservingSchedule& schedule, const WholeHead& head,
                                                  std::span<DeathTime> deaths) {
  if (head.q.scalar_type() == at::kDouble) return std::make_unique<HeadOfT<double>>(schedule, head, deaths);
  return std::make_unique<HeadOfT<float>>(schedule, head, deaths);
}

}  // namespace kvcompare
