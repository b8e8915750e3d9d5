#include "worker/engine/batch_work.h"

#include <algorithm>

namespace kvcompare {
namespace {

constexpr double kPerWeight = 2;   // a product and a sum
constexpr double kPerChannel = 4;  // of a query and a key: logit and weighted value

double as_double(std::int64_t n) { return static_cast<double>(n); }

}  // namespace

double layer_operations(const ModelConfig& c, std::int64_t begin, std::int64_t end) {
  const auto heads = 2 * (c.n_heads + c.n_kv_heads) * c.head_dim;  // channels of q, k, v, and of the input of
                                                                   // o
  const auto n_weights = as_double(c.hidden_size) * as_double(heads + 3 * c.intermediate_size);
  const auto n_pairs = (as_double(end) * as_double(end + 1) - as_double(begin) * as_double(begin + 1)) / 2;
  return kPerWeight * n_weights * as_double(end - begin) +
         kPerChannel * n_pairs * as_double(c.n_heads * c.head_dim);
}

double head_operations(const ModelConfig& c, std::int64_t n_tokens) {
  return kPerWeight * as_double(c.hidden_size) * as_double(c.vocab_size) * as_double(n_tokens);
}

double all_operations(const ModelConfig& c, std::span<const EngineTask> tasks) {
  double sum = 0;
  for (const auto& task : tasks) {
    const auto n = std::ssize(task.sample->ids);
    sum += as_double(c.n_layers) * layer_operations(c, 0, n) + head_operations(c, n);
  }
  return sum;
}

void BatchWork::done(double work) {
  done_ = std::min(done_ + work, total_);
  if (observer_) observer_(done_ / total_);
}

}  // namespace kvcompare
