// What a unit on a GPU works in.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "worker/gpu/buffer_table.h"
#include "worker/model/decoder.h"

namespace kvcompare {

struct GpuUnitBuffers {
  at::Tensor x, delta, hidden;  // [n_tokens, d_model]
  at::Tensor qkv;               // [n_tokens, (n_heads + 2 n_kv_heads) d_head]
  at::Tensor rotated;           // [n_tokens, n_heads + n_kv_heads, d_head]
  at::Tensor heads;             // [n_tokens, n_heads d_head]
  at::Tensor reference;         // [n_tokens, d_model], last hidden states of the baseline
  at::Tensor wide;              // [n_wide_elements]: gate and up of some rows, or logits of fewer, twice
  at::Tensor gated;             // [n_rows, d_ff] elements
  at::Tensor router;            // [n_rows, n_experts] elements, where layers have experts; else undefined
  at::Tensor expert_rows;       // [n_rows, d_model] elements, likewise
  at::Tensor deaths, until;     // [n_kv_heads * n_tokens], int32
  at::Tensor until_in_window;   // likewise, where a layer has a window; else undefined
  at::Tensor ids;               // [n_tokens], int64
  at::Tensor scores;            // [4, n_tokens], float32: NLL; with a reference its NLL, kl and acceptance
  at::Tensor top1;              // [2, n_tokens], int32: most likely tokens; those of the reference
  // In memory of the host:
  at::Tensor all_deaths;                    // [n_layers * n_kv_heads * n_tokens], int32
  at::Tensor scores_of_host, top1_of_host;  // as `scores` and `top1`
};

// Sizes that all rows of the tables go by.
struct GpuUnitSizes {
  std::int64_t n_tokens = 0;  // of the longest sample that the buffers are for
  std::int64_t n_rows = 0;    // of gate and up at once
  at::ScalarType type = at::kFloat;
};

// On the device, and in memory of the host, to which results are copied.
BufferTable<GpuUnitBuffers> device_buffers(const Decoder& decoder, const GpuUnitSizes& sizes);
BufferTable<GpuUnitBuffers> host_buffers(const Decoder& decoder, const GpuUnitSizes& sizes);

// device: of the computation; the type is that of the sizes.
GpuUnitBuffers make_gpu_unit_buffers(const Decoder& decoder, const GpuUnitSizes& sizes,
                                     const at::Device& device);

// Rows of logits that the GPU engine computes at once where it has n_rows rows of gate and up: as many as fit
// in their place beside those of the baseline, so that the vocabulary adds nothing. At least one, which may
// need more.
std::int64_t n_logit_rows(const Decoder& decoder, std::int64_t n_rows);
std::int64_t n_wide_elements(const Decoder& decoder, std::int64_t n_rows);  // of that place

}  // namespace kvcompare
