#include "worker/engine/batch_work.h"

#include <algorithm>

#include "worker/model/weight_table.h"

namespace kvcompare {
namespace {

constexpr double kPerWeight = 2;   // a product and a sum
constexpr double kPerChannel = 4;  // of a query and a key: logit and weighted value

double as_double(std::int64_t n) { return static_cast<double>(n); }

}  // namespace

double LayerOperations::of(std::int64_t begin, std::int64_t end) const {
  const auto n_pairs = (as_double(end) * as_double(end + 1) - as_double(begin) * as_double(begin + 1)) / 2;
  return per_token * as_double(end - begin) + per_pair * n_pairs;
}

LayerOperations layer_operations(const Decoder& decoder, std::int64_t layer) {
  return {.per_token = kPerWeight * as_double(n_multiplied_numbers(decoder, layer)),
          .per_pair = kPerChannel * as_double(decoder.layer(layer).heads.q_width())};
}

LayerOperations operations_of_layers(const Decoder& decoder) {
  LayerOperations sum;
  for (std::int64_t l = 0; l < decoder.n_layers(); ++l) {
    const auto layer = layer_operations(decoder, l);
    sum.per_token += layer.per_token;
    sum.per_pair += layer.per_pair;
  }
  return sum;
}

double head_operations(const Decoder& decoder, std::int64_t n_tokens) {
  return kPerWeight * as_double(decoder.hidden_size) * as_double(decoder.vocab_size) * as_double(n_tokens);
}

double all_operations(const Decoder& decoder, std::span<const EngineTask> tasks) {
  const auto layers = operations_of_layers(decoder);
  double sum = 0;
  for (const auto& task : tasks) {
    const auto n = std::ssize(task.sample->ids);
    sum += layers.of(0, n) + head_operations(decoder, n);
  }
  return sum;
}

void BatchWork::done(double work) {
  done_ = std::min(done_ + work, total_);
  if (observer_) observer_(done_ / total_);
}

}  // namespace kvcompare
