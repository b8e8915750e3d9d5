// Gathers what chosen layers of one sample see, as tensors by name.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "presses/layer_sink.h"
#include "presses/scorer.h"
#include "worker/checkpoint/safetensors_writer.h"

namespace kvcompare {

class LayerDump : public LayerSink {
 public:
  // what: hidden, queries, keys, values
  LayerDump(const std::vector<std::string>& what, const std::vector<std::int64_t>& layers);

  // Forgets the sample before.
  void begin(std::int64_t n_tokens);
  // "layers.0.hidden" [n_tokens, d_model]; "layers.0.raw_queries", "layers.0.queries" [n_heads, n_tokens,
  // d_head]; "layers.0.raw_keys", "layers.0.keys", "layers.0.values" [n_kv_heads, n_tokens, d_head], in the
  // order of layers. raw_: before RoPE, after the norm of a head where the model has one.
  NamedTensors tensors() const;

  Needs needs() const override;
  void take(const LayerView& tile) override;

 private:
  void keep(const LayerView& tile, const char* name, const at::Tensor& part, std::int64_t token_dim);

  std::set<std::string> what_;
  std::vector<std::int64_t> layers_;
  std::int64_t n_tokens_ = 0;
  std::mutex mutex_;  // of tensors_; threads write different tokens
  std::map<std::string, at::Tensor> tensors_;
};

}  // namespace kvcompare
