#include "presses/schedule/observed_head.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/mv.h>

#include "common/size.h"
#include "presses/schedule/alive_list.h"
#include "presses/schedule/attention_received.h"
#include "presses/schedule/attention_row.h"

namespace kvcompare {
namespace {

// The columns of a block are the keys that are alive when the block begins, followed by the block's own keys.
// Columns are cut into tiles. A tile holds exp(logit - largest logit of the tile) for every row; to compute
// it, nobody has to know which keys die inside the block. The softmax weights of a row follow from the
// largest logits of its tiles and from the sums over the keys that are alive at that row. T is the type of
// the softmax, float or double.
template <class T>
class HeadOfT : public ObservedHead {
 public:
  HeadOfT(const ObservingSchedule& schedule, const WholeHead& head, std::span<DeathTime> deaths)
      : q_((head.q.transpose(0, 1).to(kType) / head.rule.scale.divisor()).contiguous()),
        k_(head.k.to(kType).contiguous()),
        group_(head.q.size(0)),
        window_(head.rule.window.value_or(schedule.chunking.n_tokens)),
        cap_(head.rule.cap),
        deaths_(deaths),
        received_(schedule.scorer.last_queries()) {
    if (!head.rule.sinks.defined()) return;
    const auto sinks = head.rule.sinks.to(kType).contiguous();
    sinks_.assign(sinks.template const_data_ptr<T>(), sinks.template const_data_ptr<T>() + group_);
  }

  void start_block(const RowsToFollow& block) override {
    block_ = &block;
    n_old_ = std::ssize(positions_);
    for (auto j = block.begin; j < block.end; ++j) positions_.push_back(static_cast<std::int32_t>(j));
    is_alive_.assign(positions_.size(), 1);
    const auto n_rows = std::ssize(block.rows) * group_, n_columns = std::ssize(positions_);
    // Memory that is new for every block would have to be mapped anew.
    if (!storage_.defined() || storage_.numel() < n_rows * n_columns)
      storage_ = at::empty({n_rows * n_columns * 5 / 4}, kType);
    exponentials_ = storage_.narrow(0, 0, n_rows * n_columns).view({n_rows, n_columns});
    highest_.resize(size(exponentials_.size(0)) * n_key_tasks());
    alive_.resize(size(n_old_));
    std::iota(alive_.begin(), alive_.end(), 0);
    alive_positions_.assign(positions_.begin(), positions_.begin() + n_old_);
    next_column_ = n_old_;
  }

  std::size_t n_key_tasks() const override { return (positions_.size() + kTile - 1) / kTile; }

  void run_key_task(std::size_t task) override {
    const auto first = task * kTile;
    const auto n_keys = std::min(kTile, positions_.size() - first);
    auto x = exponentials_.narrow(1, std::int64_t(first), std::int64_t(n_keys));
    at::mm_out(x, queries(), keys(first, n_keys).t());
    cap(x);
    auto* highest = highest_.data() + task * size(x.size(0));
    for (std::int64_t r = 0; r < x.size(0); ++r) {
      const auto i = block_->rows[size(r / group_)];
      const auto n_seen =
          std::clamp<std::int64_t>(n_visible(i) - std::int64_t(first), 0, std::int64_t(n_keys));
      const std::span row(x.template mutable_data_ptr<T>() + r * x.stride(0), size(n_seen));
      const auto n_left = size(n_out_of_window(i, first, row.size()));
      std::ranges::fill(row.first(n_left), T(0));
      highest[r] = exponentials(row.subspan(n_left));
    }
  }

  void follow(std::size_t r) override {
    const auto i = block_->rows[r];
    for (; next_column_ < n_visible(i); ++next_column_) {
      alive_.push_back(static_cast<std::int32_t>(next_column_));
      alive_positions_.push_back(positions_[size(next_column_)]);
    }
    add_row(i, std::int64_t(r));
  }

  std::int64_t n_alive() const override { return std::ssize(alive_); }

  std::span<const std::int32_t> alive_positions() const override { return alive_positions_; }

  std::span<double> received() override {
    alive_received_.resize(alive_.size());
    received_.sums(alive_, alive_received_);
    return alive_received_;
  }

  void evict(std::int64_t e, std::span<const std::int32_t> dying) override {
    for (const auto a : dying) {
      const auto c = size(alive_[size(a)]);
      deaths_[size(positions_[c])] = static_cast<DeathTime>(e);
      is_alive_[c] = 0;
    }
    erase_indices(alive_, dying);
    erase_indices(alive_positions_, dying);
  }

  void end_block() override {
    positions_ = alive_positions_;
    received_.keep(alive_);
  }

 private:
  static constexpr auto kType = c10::CppTypeToScalarType<T>::value;
  static constexpr std::size_t kTile = 128;  // columns
  // If the sum of a row is smaller than this, the largest logit of the tiles belongs to a key that has died,
  // and the exponentials of keys that are alive may have been rounded to 0 (simd-inl.h).
  static constexpr T kLeastSum = static_cast<T>(sizeof(T) == 4 ? 1e-25 : 1e-280);

  // How many columns query i of the block sees, if none has died.
  std::int64_t n_visible(std::int64_t i) const { return n_old_ + i - block_->begin + 1; }

  // Of the block's rows: [n_rows * group, d_head].
  at::Tensor queries() const {
    const auto& rows = block_->rows;
    const auto n = std::ssize(rows);
    if (rows.back() - rows.front() == n - 1) return q_.narrow(0, rows.front(), n).flatten(0, 1);
    auto queries = at::empty({n * group_, q_.size(2)}, kType);
    auto* to = queries.template mutable_data_ptr<T>();
    for (const auto i : rows)
      to = std::copy_n(q_.template const_data_ptr<T>() + i * q_.stride(0), q_.stride(0), to);
    return queries;
  }

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

  void cap(at::Tensor logits) const {
    if (cap_) logits.div_(*cap_).tanh_().mul_(*cap_);
  }

  // Adds what the alive keys receive from query i, the r-th row, summed over the query heads.
  void add_row(std::int64_t i, std::int64_t r) {
    const auto n_seen = size(n_visible(i));
    const auto n_tiles = (n_seen + kTile - 1) / kTile;
    const std::span is_alive = std::span<const T>(is_alive_).first(n_seen);
    const auto received = received_.next_row(n_seen);
    scales_.assign(n_tiles * size(group_), 0);
    const auto* rows = exponentials_.template const_data_ptr<T>() + r * group_ * exponentials_.size(1);
    for (std::int64_t g = 0; g < group_; ++g) {
      const std::span row(rows + g * exponentials_.size(1), n_seen);
      if (!scale(row, is_alive, r * group_ + g, size(g), n_tiles)) add_row_anew(i, g, is_alive, received);
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
    if (!sinks_.empty()) {
      highest = std::max(highest, sinks_[g]);
      sum = std::exp(sinks_[g] - highest);
    }
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
    cap(logits);
    bias_.assign(n, -std::numeric_limits<T>::infinity());
    for (auto c = size(n_out_of_window(i, 0, n)); c < n; ++c)
      if (is_alive[c] != 0) bias_[c] = 0;
    const std::span row(logits.template mutable_data_ptr<T>(), n);
    if (sinks_.empty()) return add_attention_row(row, bias_, received);
    // The sink is one more key, and what it receives is forgotten.
    std::vector<T> with_sink(row.begin(), row.end());
    with_sink.push_back(sinks_[size(g)]);
    bias_.push_back(0);
    std::vector<double> to(received.begin(), received.end());
    to.push_back(0);
    add_attention_row(std::span(with_sink), bias_, to);
    std::copy_n(to.begin(), n, received.begin());
  }

  const at::Tensor q_;  // [n_tokens, group, d_head], scaled
  const at::Tensor k_;  // [n_tokens, d_head]
  const std::int64_t group_;
  const std::int64_t window_;  // how many positions back a query sees; all of them without a window
  const std::optional<double> cap_;
  std::vector<T> sinks_;  // of the query heads; empty if they have none
  const std::span<DeathTime> deaths_;
  const RowsToFollow* block_ = nullptr;
  std::int64_t n_old_ = 0;               // columns of keys from before the block
  std::int64_t next_column_ = 0;         // the first whose token has not come yet
  std::vector<std::int32_t> positions_;  // of the columns
  AttentionReceived received_;           // of the columns, summed over query heads
  std::vector<T> is_alive_;              // of the columns: 1, or 0 if evicted inside the block
  at::Tensor storage_;                   // of the exponentials, at least
  at::Tensor exponentials_;              // [n_rows * group, n_columns]; beyond a row's own column undefined
  std::vector<T> highest_;               // [n_tiles, n_rows * group]; what was subtracted
  std::vector<T> factors_, scales_;      // [n_tiles], [n_tiles, group]
  std::vector<T> bias_;
  std::vector<std::int32_t> alive_;  // ascending columns
  std::vector<std::int32_t> alive_positions_;
  std::vector<double> alive_received_;
};

}  // namespace

std::unique_ptr<ObservedHead> start_observed_head(const ObservingSchedule& schedule, const WholeHead& head,
                                                  std::span<DeathTime> deaths) {
  if (head.q.scalar_type() == at::kDouble) return std::make_unique<HeadOfT<double>>(schedule, head, deaths);
  return std::make_unique<HeadOfT<float>>(schedule, head, deaths);
}

}  // namespace kvcompare
