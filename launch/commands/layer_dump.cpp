#include "launch/commands/layer_dump.h"

#include <algorithm>
#include <array>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>

#include "common/errors.h"

namespace kvcompare {
namespace {

constexpr std::array kNames{"hidden", "raw_queries", "queries", "raw_keys", "keys", "values"};

std::string name_of(std::int64_t layer, const std::string& what) {
  return "layers." + std::to_string(layer) + "." + what;
}

}  // namespace

LayerDump::LayerDump(const std::vector<std::string>& what, const std::vector<std::int64_t>& layers)
    : what_(what.begin(), what.end()), layers_(layers) {}

void LayerDump::begin(std::int64_t n_tokens) {
  n_tokens_ = n_tokens;
  tensors_.clear();
}

NamedTensors LayerDump::tensors() const {
  NamedTensors named;
  for (const auto layer : layers_)
    for (const auto* what : kNames)
      if (const auto found = tensors_.find(name_of(layer, what)); found != tensors_.end())
        named.emplace_back(*found);
  return named;
}

Needs LayerDump::needs() const {
  return {.hidden = what_.contains("hidden"),
          .raw_q = what_.contains("queries"),
          .raw_k = what_.contains("keys"),
          .q = what_.contains("queries"),
          .k = what_.contains("keys"),
          .v = what_.contains("values")};
}

void LayerDump::take(const LayerView& tile) {
  if (std::ranges::find(layers_, tile.layer.value) == layers_.end()) return;
  keep(tile, "hidden", tile.hidden, 0);
  keep(tile, "raw_queries", tile.raw_q, 1);
  keep(tile, "queries", tile.q, 1);
  keep(tile, "raw_keys", tile.raw_k, 1);
  keep(tile, "keys", tile.k, 1);
  keep(tile, "values", tile.v, 1);
}

void LayerDump::keep(const LayerView& tile, const char* name, const at::Tensor& part,
                     std::int64_t token_dim) {
  if (!part.defined()) return;
  at::Tensor whole;
  {
    const std::scoped_lock lock(mutex_);
    auto& known = tensors_[name_of(tile.layer.value, name)];
    if (!known.defined()) {
      auto sizes = part.sizes().vec();
      sizes[static_cast<std::size_t>(token_dim)] = n_tokens_;
      known = at::empty(sizes, at::TensorOptions().dtype(part.scalar_type()));
    }
    whole = known;
  }
  require(tile.first_position + tile.n_tokens <= n_tokens_, "a layer sees more tokens than the sample has");
  whole.narrow(token_dim, tile.first_position, tile.n_tokens).copy_(part);
}

}  // namespace kvcompare
