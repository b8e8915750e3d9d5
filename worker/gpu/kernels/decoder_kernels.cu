#include <cmath>

#include "worker/gpu/kernels/decoder_kernels.h"
#include "worker/gpu/kernels/gpu.cuh"
#include "worker/gpu/kernels/over_block.cuh"

namespace kvcompare {
namespace {

constexpr int kThreads = 256;

// 16 bytes, which one thread reads and writes at once.
template <class T, int n>
struct alignas(sizeof(T) * n) Pack {
  T values[n];
};

KVCOMPARE_DEVICE float* parts_in_shared_memory() { return reinterpret_cast<float*>(gpu::shared_memory()); }

// One block a row; n: elements that a thread takes at once, divides d_model and strides.
template <class T, int n>
KVCOMPARE_KERNEL void add_norm(AddNorm<T> task) {
  using Elements = Pack<T, n>;
  const auto row = static_cast<std::int64_t>(gpu::block_x());
  const auto d = static_cast<int>(task.d_model / n);
  auto* x = reinterpret_cast<Elements*>(task.x + row * task.x_stride);
  float squares = 0, sum = 0;
  for (int c = gpu::thread(); c < d; c += gpu::n_threads()) {
    auto elements = x[c];
    if (task.delta) {
      const auto delta = reinterpret_cast<const Elements*>(task.delta + row * task.d_model)[c];
      for (int i = 0; i < n; ++i)
        elements.values[i] = static_cast<T>(fmaf(task.multiplier, static_cast<float>(delta.values[i]),
                                                 static_cast<float>(elements.values[i])));
      x[c] = elements;
    }
    for (int i = 0; i < n; ++i) {
      const auto value = static_cast<float>(elements.values[i]);
      squares += value * value;
      sum += value;
    }
  }
  if (!task.out) return;
  const auto of_row = [&](float part) {
    return over_block(part, Sum(), parts_in_shared_memory()) / static_cast<float>(task.d_model);
  };
  float mean = 0;
  if (task.is_centred) {  // a second pass: the difference of two large squares would lose digits
    mean = of_row(sum);
    squares = 0;
    for (int c = gpu::thread(); c < d; c += gpu::n_threads()) {
      const auto elements = x[c];
      for (int i = 0; i < n; ++i) {
        const float value = static_cast<float>(elements.values[i]) - mean;
        squares += value * value;
      }
    }
  }
  const float scale = 1 / sqrtf(of_row(squares) + task.epsilon);
  const bool rounds_twice = task.offset == 0 && !task.is_centred;
  for (int c = gpu::thread(); c < d; c += gpu::n_threads()) {
    auto elements = x[c];
    const auto weight = reinterpret_cast<const Elements*>(task.weight)[c];
    for (int i = 0; i < n; ++i) {
      const float normed = (static_cast<float>(elements.values[i]) - mean) * scale;
      const float weighted = (rounds_twice ? static_cast<float>(static_cast<T>(normed)) : normed) *
                             (task.offset + static_cast<float>(weight.values[i]));
      const float bias = task.bias ? static_cast<float>(task.bias[static_cast<std::int64_t>(c) * n + i]) : 0;
      elements.values[i] = static_cast<T>(weighted + bias);
    }
    reinterpret_cast<Elements*>(task.out + row * task.out_stride)[c] = elements;
  }
}

// One warp a head of a token; a lane has the pairs (c, c + d_head / 2) for c = lane, lane + 32, ...
template <class T>
KVCOMPARE_KERNEL void rotate_heads(RotateHeads<T> task) {
  const auto n_heads = task.n_heads + task.n_kv_heads;
  const auto index = static_cast<std::int64_t>(gpu::block_x()) * (gpu::n_threads() / 32) + gpu::warp();
  if (index >= task.n_tokens * n_heads) return;
  const auto token = index / n_heads, head = index % n_heads;
  const auto half = static_cast<int>(task.d_head / 2);
  auto* x = task.heads + token * task.stride + head * task.d_head;
  if (const auto* weight = head < task.n_heads ? task.q_norm : task.k_norm) {
    float squares = 0;
    for (int c = gpu::lane(); c < 2 * half; c += 32)
      squares += static_cast<float>(x[c]) * static_cast<float>(x[c]);
    squares = over_warp(squares, Sum());
    const float scale = 1 / sqrtf(squares / static_cast<float>(task.d_head) + task.epsilon);
    for (int c = gpu::lane(); c < 2 * half; c += 32) {
      const float normed = static_cast<float>(x[c]) * scale;
      const float once = task.offset == 0 ? static_cast<float>(static_cast<T>(normed)) : normed;
      x[c] = static_cast<T>(once * (task.offset + static_cast<float>(weight[c])));
    }
    gpu::sync_warp();
  }
  auto* out = task.rotated + index * task.d_head;
  const bool is_query = head < task.n_heads;
  const auto *cosines = is_query ? task.q_cos : task.k_cos, *sines = is_query ? task.q_sin : task.k_sin;
  for (int c = gpu::lane(); c < half; c += 32) {
    const auto a = static_cast<float>(x[c]), b = static_cast<float>(x[c + half]);
    const float cos = cosines[token * half + c], sin = sines[token * half + c];
    out[c] = static_cast<T>(a * cos - b * sin);
    out[c + half] = static_cast<T>(b * cos + a * sin);
  }
}

struct Silu {
  template <class T>
  KVCOMPARE_DEVICE explicit Silu(const Gating<T>&) {}
  KVCOMPARE_DEVICE float operator()(float x) const { return x / (1 + expf(-x)); }
};
struct SquaredRelu {
  template <class T>
  KVCOMPARE_DEVICE explicit SquaredRelu(const Gating<T>&) {}
  KVCOMPARE_DEVICE float operator()(float x) const { return x > 0 ? x * x : x == x ? 0 : x; }
};
struct GeluTanh {
  template <class T>
  KVCOMPARE_DEVICE explicit GeluTanh(const Gating<T>&) {}
  KVCOMPARE_DEVICE float operator()(float x) const {
    return 0.5f * x * (1 + tanhf(0.79788456f * (x + 0.044715f * x * x * x)));
  }
};
KVCOMPARE_DEVICE float softplus(float x) { return x > 20 ? x : log1pf(expf(x)); }

struct Xielu {
  float alpha_p, alpha_n, beta, epsilon;
  template <class T>
  KVCOMPARE_DEVICE explicit Xielu(const Gating<T>& task)
      : alpha_p(softplus(static_cast<float>(task.parameters[0]))),
        alpha_n(static_cast<float>(task.parameters[2]) + softplus(static_cast<float>(task.parameters[1]))),
        beta(static_cast<float>(task.parameters[2])),
        epsilon(static_cast<float>(task.parameters[3])) {}
  KVCOMPARE_DEVICE float operator()(float x) const {
    return x > 0 ? alpha_p * x * x + beta * x : (expm1f(fminf(x, epsilon)) - x) * alpha_n + beta * x;
  }
};

struct ClampedSwiglu {
  float alpha, limit;
  template <class T>
  KVCOMPARE_DEVICE explicit ClampedSwiglu(const Gating<T>& task) : alpha(task.alpha), limit(task.limit) {}
  KVCOMPARE_DEVICE float operator()(float x) const {
    const float gate = x > limit ? limit : x;  // fminf would make a number of what is none
    return gate / (1 + expf(-alpha * gate));
  }
};

// What the function of the gate is multiplied with.
template <class Function>
KVCOMPARE_DEVICE float factor_of(const Function&, float up) {
  return up;
}
KVCOMPARE_DEVICE float factor_of(const ClampedSwiglu& function, float up) {
  return 1 + (up > function.limit ? function.limit : up < -function.limit ? -function.limit : up);
}

// Blocks of a row lie along y; n divides d_ff.
template <class Function, class T, int n>
KVCOMPARE_KERNEL void apply_gating(Gating<T> task) {
  using Elements = Pack<T, n>;
  const auto row = static_cast<std::int64_t>(gpu::block_x());
  const auto c = static_cast<std::int64_t>(gpu::block_y()) * gpu::n_threads() + gpu::thread();
  const auto d = task.d_ff / n;
  if (c >= d) return;
  const Function function(task);
  const auto* gate_up =
      reinterpret_cast<const Elements*>(task.gate_up + row * (task.is_gated ? 2 : 1) * task.d_ff);
  auto gate = gate_up[c];
  const auto up = gate_up[task.is_gated ? d + c : c];
  for (int i = 0; i < n; ++i) {
    const auto value = static_cast<T>(function(static_cast<float>(gate.values[i])));
    gate.values[i] = task.is_gated ? static_cast<T>(static_cast<float>(value) *
                                                    factor_of(function, static_cast<float>(up.values[i])))
                                   : value;
  }
  reinterpret_cast<Elements*>(task.out + row * task.d_ff)[c] = gate;
}

struct Normaliser {
  float largest;  // logit
  float sum;      // of exp(logit - largest)
};

// Of the block. A row is read from memory once: 256 KB stay in an L2 of tens of MB.
template <class T>
KVCOMPARE_DEVICE Normaliser normaliser_of(const T* logits, int vocab) {
  float largest = -INFINITY;
  for (int c = gpu::thread(); c < vocab; c += gpu::n_threads())
    largest = fmaxf(largest, static_cast<float>(logits[c]));
  largest = over_block(largest, Largest(), parts_in_shared_memory());
  float sum = 0;
  for (int c = gpu::thread(); c < vocab; c += gpu::n_threads())
    sum += expf(static_cast<float>(logits[c]) - largest);
  return {largest, over_block(sum, Sum(), parts_in_shared_memory())};
}

// One block a row.
template <class T>
KVCOMPARE_KERNEL void cross_entropy(CrossEntropy<T> task) {
  const auto row = static_cast<std::int64_t>(gpu::block_x());
  const auto* logits = task.logits + row * task.vocab;
  const auto vocab = static_cast<int>(task.vocab);
  const auto [largest, sum] = normaliser_of(logits, vocab);
  int first = vocab;
  for (int c = gpu::thread(); c < vocab && first == vocab; c += gpu::n_threads())
    if (static_cast<float>(logits[c]) == largest) first = c;
  first = over_block(first, Smallest(), reinterpret_cast<int*>(gpu::shared_memory()));
  if (gpu::thread() != 0) return;
  task.nll[row] = logf(sum) + (largest - static_cast<float>(logits[task.targets[row]]));
  task.top1[row] = first;
}

// One block a row. The difference of the normalisers is subtracted from that of the logits, and not from the
// sum, because kl is far smaller than it where a method shifts all logits alike.
template <class T>
KVCOMPARE_KERNEL void compare_rows(CompareRows<T> task) {
  const auto row = static_cast<std::int64_t>(gpu::block_x());
  const auto *logits = task.logits + row * task.vocab, *reference = task.reference + row * task.vocab;
  const auto vocab = static_cast<int>(task.vocab);
  const auto p = normaliser_of(logits, vocab), p0 = normaliser_of(reference, vocab);
  const float apart = (p0.largest - p.largest) + (logf(p0.sum) - logf(p.sum));
  const float ratio = p0.sum / p.sum;
  float weighted = 0, excess = 0;
  for (int c = gpu::thread(); c < vocab; c += gpu::n_threads()) {
    const auto a = static_cast<float>(logits[c]), b = static_cast<float>(reference[c]);
    const float e0 = expf(b - p0.largest);
    weighted += e0 * ((b - a) - apart);
    excess += fmaxf(fmaf(-expf(a - p.largest), ratio, e0), 0.0f);  // exactly 0 where both are the same
  }
  weighted = over_block(weighted, Sum(), parts_in_shared_memory());
  excess = over_block(excess, Sum(), parts_in_shared_memory());
  if (gpu::thread() != 0) return;
  task.kl[row] = weighted / p0.sum;
  task.acceptance[row] = 1 - excess / p0.sum;
}

constexpr std::size_t kSharedBytes = kThreads / 32 * sizeof(float);

std::int64_t blocks_of(std::int64_t n, std::int64_t n_in_block) { return (n + n_in_block - 1) / n_in_block; }

template <class T>
constexpr int kPack = 16 / sizeof(T);

}  // namespace

template <class T>
void decoder_kernel(const AddNorm<T>& task, gpu::Stream stream) {
  const bool packs =
      task.d_model % kPack<T> == 0 && task.x_stride % kPack<T> == 0 && task.out_stride % kPack<T> == 0;
  gpu::launch(packs ? add_norm<T, kPack<T>> : add_norm<T, 1>, {task.n_rows}, kThreads, kSharedBytes, stream,
              task);
}

template <class T>
void decoder_kernel(const RotateHeads<T>& task, gpu::Stream stream) {
  const auto n = task.n_tokens * (task.n_heads + task.n_kv_heads);
  gpu::launch(rotate_heads<T>, {blocks_of(n, kThreads / 32)}, kThreads, 0, stream, task);
}

namespace {

template <class Function, class T>
void launch_gating(const Gating<T>& task, gpu::Stream stream) {
  const bool packs = task.d_ff % kPack<T> == 0;
  const auto n = packs ? task.d_ff / kPack<T> : task.d_ff;
  gpu::launch(packs ? apply_gating<Function, T, kPack<T>> : apply_gating<Function, T, 1>,
              {task.n_rows, blocks_of(n, kThreads)}, kThreads, 0, stream, task);
}

}  // namespace

template <class T>
void decoder_kernel(const Gating<T>& task, gpu::Stream stream) {
  switch (task.function) {
    case GatingFunction::kSilu:
      return launch_gating<Silu>(task, stream);
    case GatingFunction::kSquaredRelu:
      return launch_gating<SquaredRelu>(task, stream);
    case GatingFunction::kGeluTanh:
      return launch_gating<GeluTanh>(task, stream);
    case GatingFunction::kXielu:
      return launch_gating<Xielu>(task, stream);
    case GatingFunction::kClampedSwiglu:
      return launch_gating<ClampedSwiglu>(task, stream);
  }
}

template <class T>
void decoder_kernel(const CrossEntropy<T>& task, gpu::Stream stream) {
  gpu::launch(cross_entropy<T>, {task.n_rows}, kThreads, kSharedBytes, stream, task);
}

template <class T>
void decoder_kernel(const CompareRows<T>& task, gpu::Stream stream) {
  gpu::launch(compare_rows<T>, {task.n_rows}, kThreads, kSharedBytes, stream, task);
}

#define KVCOMPARE_DECODER_KERNELS(T)                                 \
  template void decoder_kernel(const AddNorm<T>&, gpu::Stream);      \
  template void decoder_kernel(const RotateHeads<T>&, gpu::Stream);  \
  template void decoder_kernel(const Gating<T>&, gpu::Stream);       \
  template void decoder_kernel(const CrossEntropy<T>&, gpu::Stream); \
  template void decoder_kernel(const CompareRows<T>&, gpu::Stream);
KVCOMPARE_DECODER_KERNELS(float)
KVCOMPARE_DECODER_KERNELS(c10::Half)
KVCOMPARE_DECODER_KERNELS(c10::BFloat16)

}  // namespace kvcompare
