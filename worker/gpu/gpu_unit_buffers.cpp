#include "worker/gpu/gpu_unit_buffers.h"

#include <algorithm>

namespace kvcompare {

BufferTable<GpuUnitBuffers> device_buffers(const Decoder& decoder, const GpuUnitSizes& sizes) {
  using Unit = GpuUnitBuffers;
  const auto& heads = heads_of(decoder);
  const auto n = sizes.n_tokens, d_model = decoder.hidden_size, n_keys = heads.n_kv_heads * n;
  const auto type = sizes.type;
  constexpr const char* kStream = "residual stream";
  constexpr const char* kQkv = "queries, keys and values";
  constexpr const char* kDeaths = "death times";
  constexpr const char* kTokens = "ids and numbers of tokens";
  BufferTable<Unit> table{
      {kStream, &Unit::x, {n, d_model}, type},
      {kStream, &Unit::delta, {n, d_model}, type},
      {kStream, &Unit::hidden, {n, d_model}, type},
      {"states of the baseline", &Unit::reference, {n, d_model}, type},
      {kQkv, &Unit::qkv, {n, heads.qkv_width()}, type},
      {kQkv, &Unit::rotated, {n, heads.n_heads + heads.n_kv_heads, heads.head_dim}, type},
      {"outputs of heads", &Unit::heads, {n, heads.q_width()}, type},
      {"gate and up, or logits", &Unit::wide, {n_wide_elements(decoder, sizes.n_rows)}, type},
      {"gated", &Unit::gated, {sizes.n_rows * widest_mlp(decoder)}, type},
      {kDeaths, &Unit::deaths, {n_keys}, at::kInt},
      {kDeaths, &Unit::until, {n_keys}, at::kInt}};
  if (const auto n_experts = most_experts(decoder); n_experts > 0) {
    table.push_back({"rows of experts", &Unit::router, {sizes.n_rows * n_experts}, type});
    table.push_back({"rows of experts", &Unit::expert_rows, {sizes.n_rows * d_model}, type});
  }
  if (has_windows(decoder)) table.push_back({kDeaths, &Unit::until_in_window, {n_keys}, at::kInt});
  table.push_back({kTokens, &Unit::ids, {n}, at::kLong});
  table.push_back({kTokens, &Unit::scores, {4, n}, at::kFloat});
  table.push_back({kTokens, &Unit::top1, {2, n}, at::kInt});
  return table;
}

BufferTable<GpuUnitBuffers> host_buffers(const Decoder& decoder, const GpuUnitSizes& sizes) {
  const auto n_keys = decoder.n_layers() * heads_of(decoder).n_kv_heads * sizes.n_tokens;
  return {{"death times of all layers", &GpuUnitBuffers::all_deaths, {n_keys}, at::kInt},
          {"numbers of tokens", &GpuUnitBuffers::scores_of_host, {4, sizes.n_tokens}, at::kFloat},
          {"numbers of tokens", &GpuUnitBuffers::top1_of_host, {2, sizes.n_tokens}, at::kInt}};
}

GpuUnitBuffers make_gpu_unit_buffers(const Decoder& decoder, const GpuUnitSizes& sizes,
                                     const at::Device& device) {
  GpuUnitBuffers buffers;
  allocate(device_buffers(decoder, sizes), at::TensorOptions().device(device), buffers);
  allocate(host_buffers(decoder, sizes), at::TensorOptions().pinned_memory(!device.is_cpu()), buffers);
  return buffers;
}

std::int64_t n_logit_rows(const Decoder& decoder, std::int64_t n_rows) {
  constexpr std::int64_t kTile = 128;  // what products like
  const auto fit = std::min(n_rows, n_rows * widest_mlp(decoder) / decoder.vocab_size);
  return fit >= kTile ? fit / kTile * kTile : std::max<std::int64_t>(fit, 1);
}

std::int64_t n_wide_elements(const Decoder& decoder, std::int64_t n_rows) {
  return 2 * std::max(n_rows * widest_mlp(decoder), decoder.vocab_size);
}

}  // namespace kvcompare
