// Interval attention against libtorch's scaled_dot_product_attention with a bias that says the same, on one
// layer of a sample whose keys die at random, and against its causal attention where no key dies.
//
//   interval_attention_benchmark DEVICE DTYPE TOKENS HEADS KV_HEADS D_HEAD KEPT REPEATS
//
// KEPT: keys that a head keeps at the end, in proportion before. Each is first compared with attention in
// float32, row by row. "interval_mma_sync" is by the instruction that all devices have, which matters where
// the device has a better one. Prints JSON. Built without CUDA it runs the emulated kernel, on device cpu:
// that tries the program, and measures nothing.
#include <chrono>
#include <cmath>
#include <iostream>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <ATen/Context.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/_fused_sdp_choice.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>

#include "benchmarks/gpu/attention_backend.h"
#include "common/run/dtype.h"
#include "worker/devices/device.h"
#include "worker/gpu/gpu_operators.h"
#include "worker/gpu/kernels/interval_attention_kernel.h"

namespace {

using namespace kvcompare;
using Json = nlohmann::ordered_json;

constexpr int kLaunches = 10;  // in one timing
constexpr std::int64_t kReferenceRows = 128;

struct Shape {
  std::int64_t n_tokens, n_heads, n_kv_heads, d_head, n_kept;

  std::int64_t group() const { return n_heads / n_kv_heads; }
};

void wait_for(const at::Device& device) {
  if (!device.is_cpu()) at::accelerator::synchronizeDevice(device.index());
}

// When keys die under a ratio budget if the victim is drawn: [n_kv_heads, n_tokens], int32.
at::Tensor random_lives(const Shape& shape) {
  auto until = at::full_like(at::empty({shape.n_kv_heads, shape.n_tokens}, at::kInt), shape.n_tokens);
  std::mt19937 random(1);
  const double kept = static_cast<double>(shape.n_kept) / static_cast<double>(shape.n_tokens);
  for (std::int64_t h = 0; h < shape.n_kv_heads; ++h) {
    auto* row = until.mutable_data_ptr<std::int32_t>() + h * shape.n_tokens;
    std::vector<std::int64_t> alive;
    for (std::int64_t i = 0; i < shape.n_tokens; ++i) {
      alive.push_back(i);
      if (std::ssize(alive) <=
          std::max<std::int64_t>(1, static_cast<std::int64_t>(static_cast<double>(i + 1) * kept)))
        continue;
      const auto victim = random() % alive.size();
      row[alive[victim]] = static_cast<std::int32_t>(i + 1);
      alive[victim] = alive.back();
      alive.pop_back();
    }
  }
  return until;
}

struct Layer {
  at::Tensor rotated;  // [n_tokens, n_heads + n_kv_heads, d_head]
  at::Tensor qkv;      // [n_tokens, (n_heads + 2 n_kv_heads) d_head]
  at::Tensor q, k, v;  // views of them, [n_kv_heads, group or 1, n_tokens, d_head]
};

Layer random_layer(const Shape& shape, const at::TensorOptions& options) {
  const auto n = shape.n_tokens, d = shape.d_head, n_heads = shape.n_heads, n_kv = shape.n_kv_heads;
  Layer layer;
  layer.rotated = at::randn({n, n_heads + n_kv, d}, options);
  layer.qkv = at::randn({n, (n_heads + 2 * n_kv) * d}, options);
  layer.q = layer.rotated.narrow(1, 0, n_heads).unflatten(1, {n_kv, shape.group()}).permute({1, 2, 0, 3});
  layer.k = layer.rotated.narrow(1, n_heads, n_kv).permute({1, 0, 2}).unsqueeze(1);
  layer.v = layer.qkv.narrow(1, (n_heads + n_kv) * d, n_kv * d)
                .unflatten(1, {n_kv, d})
                .permute({1, 0, 2})
                .unsqueeze(1);
  return layer;
}

// [n_kv_heads, 1, n_rows, n_tokens]: whether the query sees the key.
at::Tensor visible(const at::Tensor& until, std::int64_t first_row, std::int64_t n_rows) {
  const auto key = at::arange(until.size(1), until.options());
  const auto query = at::arange(first_row, first_row + n_rows, until.options()).unsqueeze(1);
  return query.ge(key).logical_and(query.lt(until.unsqueeze(1))).unsqueeze(1);
}

// Relative to attention in float32: [n_kv_heads, group, n_tokens, d_head] against the same.
double error_of(const Layer& layer, const at::Tensor& until, const at::Tensor& out) {
  double squared = 0, whole = 0;
  for (std::int64_t row = 0; row < layer.q.size(2); row += kReferenceRows) {
    const auto n = std::min(kReferenceRows, layer.q.size(2) - row);
    auto scores = layer.q.narrow(2, row, n).to(at::kFloat).matmul(layer.k.to(at::kFloat).transpose(2, 3)) /
                  std::sqrt(static_cast<double>(layer.q.size(3)));
    scores =
        scores.masked_fill(visible(until, row, n).logical_not(), -std::numeric_limits<double>::infinity());
    const auto expected = scores.softmax(-1).matmul(layer.v.to(at::kFloat));
    squared += (expected - out.narrow(2, row, n).to(at::kFloat)).pow(2).sum().item<double>();
    whole += expected.pow(2).sum().item<double>();
  }
  return std::sqrt(squared / whole);
}

template <class Work>
std::vector<double> seconds_of(const at::Device& device, int n_repeats, const Work& work) {
  work();
  std::vector<double> seconds;
  for (int i = 0; i < n_repeats; ++i) {
    wait_for(device);
    const auto start = std::chrono::steady_clock::now();
    for (int launch = 0; launch < kLaunches; ++launch) work();
    wait_for(device);
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() /
                      kLaunches);
  }
  return seconds;
}

AttentionScale scale_of(const Layer& layer) { return {static_cast<double>(layer.q.size(3))}; }

using Attend = void (*)(const Layer& layer, const at::Tensor& until, const at::Tensor& out);

void attend_by_best(const Layer& layer, const at::Tensor& until, const at::Tensor& out) {
  attend_to_alive(layer.rotated, layer.qkv, until, {scale_of(layer)}, out);
}

template <class T>
void attend_by_mma_sync(const Layer& layer, const at::Tensor& until, const at::Tensor& out) {
  interval_attention_kernel(IntervalAttention<T>{.q = layer.q.const_data_ptr<T>(),
                                                 .k = layer.k.const_data_ptr<T>(),
                                                 .v = layer.v.const_data_ptr<T>(),
                                                 .q_stride = layer.q.stride(2),
                                                 .k_stride = layer.k.stride(2),
                                                 .v_stride = layer.v.stride(2),
                                                 .out = out.mutable_data_ptr<T>(),
                                                 .out_stride = out.stride(0),
                                                 .until = until.const_data_ptr<std::int32_t>(),
                                                 .n_tokens = layer.q.size(2),
                                                 .n_heads = layer.q.size(0) * layer.q.size(1),
                                                 .n_kv_heads = layer.q.size(0),
                                                 .d_head = layer.q.size(3),
                                                 .scale = scale_of(layer).factor()},
                            current_stream(out.device()), MatrixInstruction::kMmaSync);
}

Attend by_mma_sync(at::ScalarType type) {
  if (type == at::kHalf) return attend_by_mma_sync<c10::Half>;
  if (type == at::kBFloat16) return attend_by_mma_sync<c10::BFloat16>;
  return attend_by_best;  // without tensor cores
}

Json measure_ours(const Shape& shape, const Layer& layer, const at::Tensor& until, int n_repeats,
                  Attend attend) {
  const auto out = at::full_like(layer.rotated.narrow(1, 0, shape.n_heads).flatten(1),
                                 std::numeric_limits<double>::quiet_NaN());
  const auto seconds = seconds_of(out.device(), n_repeats, [&] { attend(layer, until, out); });
  const auto heads = out.unflatten(1, {shape.n_kv_heads, shape.group(), shape.d_head}).permute({1, 2, 0, 3});
  return {{"seconds", seconds}, {"error", error_of(layer, until, heads)}};
}

Json measure_libtorch(const Shape& shape, const Layer& layer, const at::Tensor& until, bool is_dense,
                      int n_repeats) {
  const auto all = std::vector<std::int64_t>{shape.n_kv_heads, shape.group(), shape.n_tokens, -1};
  const auto k = layer.k.expand(all), v = layer.v.expand(all);
  at::Tensor bias;  // of the queries' type: in another cuDNN is silently wrong (pytorch issue 191612)
  if (!is_dense) {
    bias = at::zeros({shape.n_kv_heads, 1, shape.n_tokens, shape.n_tokens}, layer.q.options());
    bias.masked_fill_(visible(until, 0, shape.n_tokens).logical_not(),
                      -std::numeric_limits<double>::infinity());
    bias = bias.expand({shape.n_kv_heads, shape.group(), shape.n_tokens, shape.n_tokens});
  }
  const auto mask = is_dense ? std::optional<at::Tensor>() : bias;
  at::Tensor out;
  const auto seconds = seconds_of(layer.q.device(), n_repeats, [&] {
    out = at::scaled_dot_product_attention(layer.q, k, v, mask, 0.0, is_dense);
  });
  return {{"seconds", seconds},
          {"error", error_of(layer, until, out)},
          {"backend", backend_name(at::_fused_sdp_choice(layer.q, k, v, mask, 0.0, is_dense))}};
}

int benchmark(const std::vector<std::string>& words) {
  if (words.size() != 8) {
    std::cerr
        << "usage: interval_attention_benchmark DEVICE DTYPE TOKENS HEADS KV_HEADS D_HEAD KEPT REPEATS\n";
    return 2;
  }
  const auto dtype = parse_dtype(words[1]);
  if (!dtype) throw std::invalid_argument("'" + words[1] + "' is no dtype");
  const auto device = choose_devices(words[0], std::nullopt).front();
  const auto number = [&](std::size_t i) { return static_cast<std::int64_t>(std::stoll(words[i])); };
  const Shape shape{number(2), number(3), number(4), number(5), number(6)};
  if (shape.n_tokens < 1 || shape.n_kv_heads < 1 || shape.n_heads % shape.n_kv_heads != 0)
    throw std::invalid_argument("HEADS must be a multiple of KV_HEADS");
  const auto n_repeats = static_cast<int>(number(7));

  const c10::InferenceMode no_autograd;
  at::manual_seed(0);
  const auto layer = random_layer(shape, at::TensorOptions(device).dtype(scalar_type(*dtype)));
  const auto until = random_lives(shape).to(device), forever = at::full_like(until, shape.n_tokens);
  const auto lives = (until.to(at::kLong) - at::arange(shape.n_tokens, until.options())).sum();
  const double n_pairs = lives.item<double>();  // visible, of all KV heads
  const double n_dense = 0.5 * static_cast<double>(shape.n_kv_heads * shape.n_tokens * (shape.n_tokens + 1));
  const double flops_a_pair = 4.0 * static_cast<double>(shape.group() * shape.d_head);
  const auto mma_sync = by_mma_sync(layer.rotated.scalar_type());
  std::cout << Json{{"tokens", shape.n_tokens},
                    {"heads", shape.n_heads},
                    {"kv_heads", shape.n_kv_heads},
                    {"d_head", shape.d_head},
                    {"kept", shape.n_kept},
                    {"flops", n_pairs * flops_a_pair},
                    {"dense_flops", n_dense * flops_a_pair},
                    {"interval", measure_ours(shape, layer, until, n_repeats, attend_by_best)},
                    {"interval_mma_sync", measure_ours(shape, layer, until, n_repeats, mma_sync)},
                    {"biased", measure_libtorch(shape, layer, until, false, n_repeats)},
                    {"interval_dense", measure_ours(shape, layer, forever, n_repeats, attend_by_best)},
                    {"interval_dense_mma_sync", measure_ours(shape, layer, forever, n_repeats, mma_sync)},
                    {"causal", measure_libtorch(shape, layer, forever, true, n_repeats)}}
                   .dump(1)
            << "\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  return benchmark({argv + 1, argv + argc});
} catch (const std::exception& error) {
  std::cerr << "interval_attention_benchmark: " << error.what() << "\n";
  return 2;
}
