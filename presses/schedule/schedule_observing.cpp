#include "presses/schedule/schedule_observing.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/matmul.h>

#include "presses/schedule/alive_list.h"
#include "presses/schedule/attention_received.h"
#include "presses/schedule/attention_row.h"

namespace kvcompare {
namespace {

constexpr std::int64_t kRowsInBlock = 64;

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

// T: type of the softmax, float or double.
template <class T>
class ObservingSchedule {
 public:
  ObservingSchedule(const EvictionPolicy& policy, std::int64_t n_sink, const Chunking& chunking,
                    const ObservingScorer& scorer, const WholeHead& head, std::span<DeathTime> deaths)
      : policy_(policy),
        n_sink_(n_sink),
        chunking_(chunking),
        scorer_(scorer),
        q_(head.q.to(c10::CppTypeToScalarType<T>::value) / std::sqrt(static_cast<double>(head.q.size(2)))),
        k_(head.k.to(c10::CppTypeToScalarType<T>::value)),
        group_(head.q.size(0)),
        deaths_(deaths),
        received_(scorer.last_queries()) {}

  void run() {
    for (std::int64_t begin = 0; begin < chunking_.n_tokens; begin += kRowsInBlock)
      run_block(begin, std::min(begin + kRowsInBlock, chunking_.n_tokens));
  }

 private:
  // Columns of a block: the keys alive at its start, then its own.
  void run_block(std::int64_t begin, std::int64_t end) {
    for (auto j = begin; j < end; ++j) positions_.push_back(static_cast<std::int32_t>(j));
    bias_.assign(positions_.size(), 0);
    alive_.clear();
    const auto n_old = std::ssize(positions_) - (end - begin);
    for (std::int32_t c = 0; c < n_old; ++c) alive_.push_back(c);
    auto logits = block_logits(begin, end);  // [group, n_rows, n_columns]
    for (auto i = begin; i < end; ++i) {
      const auto n_visible = n_old + (i - begin) + 1;
      alive_.push_back(static_cast<std::int32_t>(n_visible - 1));
      const auto received = received_.next_row(size(n_visible));
      for (std::int64_t g = 0; g < group_; ++g)
        add_attention_row(std::span(logits.template mutable_data_ptr<T>() + g * logits.stride(0) +
                                        (i - begin) * logits.stride(1),
                                    size(n_visible)),
                          std::span(bias_).first(size(n_visible)), received);
      const auto e = i / chunking_.chunk_size;
      if (i + 1 == chunking_.n_at(e)) event(e);
    }
    drop_the_dead();
  }

  at::Tensor block_logits(std::int64_t begin, std::int64_t end) const {
    const auto columns =
        at::from_blob(const_cast<std::int32_t*>(positions_.data()), {std::ssize(positions_)}, at::kInt);
    return q_.narrow(1, begin, end - begin).matmul(k_.index_select(0, columns).t()).contiguous();
  }

  void event(std::int64_t e) {
    const auto event = chunking_.event(e);
    if (!may_evict(policy_, n_sink_, event, std::ssize(alive_))) return;
    alive_positions_.clear();
    for (const auto c : alive_) alive_positions_.push_back(positions_[size(c)]);
    alive_received_.resize(alive_.size());
    received_.sums(alive_, alive_received_);
    for (auto& sum : alive_received_) sum /= static_cast<double>(group_);
    scores_.resize(alive_.size());
    scorer_.score(event.n, alive_positions_, alive_received_, scores_);
    const auto dying = evicted(policy_, n_sink_, event, alive_positions_, scores_);
    for (const auto a : dying) {
      deaths_[size(alive_positions_[size(a)])] = static_cast<DeathTime>(e);
      bias_[size(alive_[size(a)])] = -std::numeric_limits<T>::infinity();
    }
    erase_indices(alive_, dying);
  }

  void drop_the_dead() {
    std::vector<std::int32_t> positions;
    for (const auto c : alive_) positions.push_back(positions_[size(c)]);
    positions_ = std::move(positions);
    received_.keep(alive_);
  }

  const EvictionPolicy& policy_;
  const std::int64_t n_sink_;
  const Chunking& chunking_;
  const ObservingScorer& scorer_;
  const at::Tensor q_;  // [group, n_tokens, d_head], scaled
  const at::Tensor k_;  // [n_tokens, d_head]
  const std::int64_t group_;
  const std::span<DeathTime> deaths_;
  std::vector<std::int32_t> positions_;  // of the columns
  AttentionReceived received_;           // of the columns, summed over query heads
  std::vector<T> bias_;                  // of the columns: -infinity if evicted inside the block
  std::vector<std::int32_t> alive_;      // ascending columns
  std::vector<std::int32_t> alive_positions_;
  std::vector<double> alive_received_;
  std::vector<double> scores_;
};

}  // namespace

void schedule_observing(const EvictionPolicy& policy, std::int64_t n_sink, const Chunking& chunking,
                        const ObservingScorer& scorer, const WholeHead& head, std::span<DeathTime> deaths) {
  std::ranges::fill(deaths, kNever);
  if (head.q.scalar_type() == at::kDouble)
    ObservingSchedule<double>(policy, n_sink, chunking, scorer, head, deaths).run();
  else
    ObservingSchedule<float>(policy, n_sink, chunking, scorer, head, deaths).run();
}

}  // namespace kvcompare
