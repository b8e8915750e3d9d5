#include "worker/gpu/gpu_operators.h"

#include <ATen/Context.h>
#include <ATen/ops/bitwise_and.h>
#include <ATen/ops/bmm.h>
#include <c10/core/Stream.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <c10/util/accumulate.h>

#include "common/errors.h"
#include "worker/gpu/kernels/decoder_kernels.h"
#include "worker/model/with_type_of.h"

namespace kvcompare {
namespace {

template <class T>
const T* data_or_null(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.const_data_ptr<T>() : nullptr;
}

GatingFunction function_of(Activation activation) {
  switch (activation) {
    case Activation::kSilu:
      return GatingFunction::kSilu;
    case Activation::kSquaredRelu:
      return GatingFunction::kSquaredRelu;
    case Activation::kGeluTanh:
      return GatingFunction::kGeluTanh;
    case Activation::kXielu:
      return GatingFunction::kXielu;
    case Activation::kClampedSwiglu:
      return GatingFunction::kClampedSwiglu;
  }
  throw InvariantError("an activation is one of those listed");
}

// cuBLAS is asked for TF32, or not, call by call.
class Tf32Guard {
 public:
  explicit Tf32Guard(bool allow) : before_(at::globalContext().allowTF32CuBLAS()) {
    at::globalContext().setAllowTF32CuBLAS(allow);
  }
  ~Tf32Guard() { at::globalContext().setAllowTF32CuBLAS(before_); }
  Tf32Guard(const Tf32Guard&) = delete;
  Tf32Guard& operator=(const Tf32Guard&) = delete;

 private:
  const bool before_;
};

// What tensor cores keep of a float32 in a product of TF32: 10 bits of the mantissa.
at::Tensor tf32(const at::Tensor& x) {
  return at::bitwise_and(x.contiguous().view(at::kInt), ~0x1fff).view(at::kFloat);
}

}  // namespace

gpu::Stream current_stream(const at::Device& device) {
  if (device.is_cpu()) return nullptr;  // emulation
  return c10::impl::VirtualGuardImpl(device.type()).getStream(device).native_handle();
}

at::Tensor front_of(const at::Tensor& buffer, at::IntArrayRef sizes) {
  return buffer.narrow(0, 0, c10::multiply_integers(sizes)).view(sizes);
}

void add_norm(const at::Tensor& x, const at::Tensor& delta, double multiplier, const NormWeights& norm,
              const at::Tensor& out) {
  if (!delta.defined() && !norm.weight.defined()) return;
  with_type_of(x, [&]<class T>(T) {
    decoder_kernel(AddNorm<T>{.x = x.mutable_data_ptr<T>(),
                              .delta = data_or_null<T>(delta),
                              .weight = data_or_null<T>(norm.weight),
                              .bias = data_or_null<T>(norm.bias),
                              .out = norm.weight.defined() ? out.mutable_data_ptr<T>() : nullptr,
                              .n_rows = x.size(0),
                              .d_model = x.size(1),
                              .x_stride = x.stride(0),
                              .out_stride = out.stride(0),
                              .multiplier = static_cast<float>(multiplier),
                              .epsilon = static_cast<float>(norm.shape.epsilon),
                              .offset = static_cast<float>(norm.shape.offset),
                              .is_centred = norm.shape.kind == NormShape::Kind::kLayer},
                   current_stream(x.device()));
  });
}

void rotate_heads(const at::Tensor& qkv, const HeadNorms& norms, const LayerRotation& rotation,
                  std::int64_t n_heads, const at::Tensor& rotated) {
  with_type_of(qkv, [&]<class T>(T) {
    decoder_kernel(RotateHeads<T>{.heads = qkv.mutable_data_ptr<T>(),
                                  .stride = qkv.stride(0),
                                  .q_norm = data_or_null<T>(norms.q_norm),
                                  .k_norm = data_or_null<T>(norms.k_norm),
                                  .q_cos = rotation.q.cos.const_data_ptr<float>(),
                                  .q_sin = rotation.q.sin.const_data_ptr<float>(),
                                  .k_cos = rotation.k.cos.const_data_ptr<float>(),
                                  .k_sin = rotation.k.sin.const_data_ptr<float>(),
                                  .rotated = rotated.mutable_data_ptr<T>(),
                                  .n_tokens = qkv.size(0),
                                  .n_heads = n_heads,
                                  .n_kv_heads = rotated.size(1) - n_heads,
                                  .d_head = rotated.size(2),
                                  .epsilon = static_cast<float>(norms.shape.epsilon),
                                  .offset = static_cast<float>(norms.shape.offset)},
                   current_stream(qkv.device()));
  });
}

void apply_gating(const MlpShape& mlp, const at::Tensor& parameters, const at::Tensor& gate_up,
                  const at::Tensor& out) {
  with_type_of(out, [&]<class T>(T) {
    decoder_kernel(Gating<T>{.function = function_of(mlp.activation),
                             .is_gated = mlp.is_gated,
                             .gate_up = gate_up.const_data_ptr<T>(),
                             .out = out.mutable_data_ptr<T>(),
                             .n_rows = out.size(0),
                             .d_ff = out.size(1),
                             .parameters = data_or_null<T>(parameters),
                             .alpha = static_cast<float>(mlp.clamp.alpha),
                             .limit = static_cast<float>(mlp.clamp.limit)},
                   current_stream(out.device()));
  });
}

void nll_of_targets(const at::Tensor& logits, const at::Tensor& targets, const at::Tensor& nll,
                    const at::Tensor& top1) {
  with_type_of(logits, [&]<class T>(T) {
    decoder_kernel(CrossEntropy<T>{.logits = logits.const_data_ptr<T>(),
                                   .targets = targets.const_data_ptr<std::int64_t>(),
                                   .nll = nll.mutable_data_ptr<float>(),
                                   .top1 = top1.mutable_data_ptr<std::int32_t>(),
                                   .n_rows = logits.size(0),
                                   .vocab = logits.size(1)},
                   current_stream(logits.device()));
  });
}

void compare_rows(const at::Tensor& logits, const at::Tensor& reference, const at::Tensor& kl,
                  const at::Tensor& acceptance) {
  with_type_of(logits, [&]<class T>(T) {
    decoder_kernel(CompareRows<T>{.logits = logits.const_data_ptr<T>(),
                                  .reference = reference.const_data_ptr<T>(),
                                  .kl = kl.mutable_data_ptr<float>(),
                                  .acceptance = acceptance.mutable_data_ptr<float>(),
                                  .n_rows = logits.size(0),
                                  .vocab = logits.size(1)},
                   current_stream(logits.device()));
  });
}

void attend_to_alive(const at::Tensor& rotated, const at::Tensor& qkv, const at::Tensor& until,
                     const AttentionLogits& logits, const at::Tensor& out, MatrixInstruction instruction) {
  const auto sinks = logits.sinks.defined() ? logits.sinks.to(at::kFloat) : at::Tensor();
  const auto n_tokens = rotated.size(0), d_head = rotated.size(2), n_kv_heads = until.size(0);
  const auto n_heads = rotated.size(1) - n_kv_heads;
  with_type_of(out, [&]<class T>(T) {
    interval_attention_kernel(
        IntervalAttention<T>{.q = rotated.const_data_ptr<T>(),
                             .k = rotated.const_data_ptr<T>() + n_heads * d_head,
                             .v = qkv.const_data_ptr<T>() + (n_heads + n_kv_heads) * d_head,
                             .q_stride = rotated.stride(0),
                             .k_stride = rotated.stride(0),
                             .v_stride = qkv.stride(0),
                             .out = out.mutable_data_ptr<T>(),
                             .out_stride = out.stride(0),
                             .until = until.const_data_ptr<std::int32_t>(),
                             .n_tokens = n_tokens,
                             .n_heads = n_heads,
                             .n_kv_heads = n_kv_heads,
                             .d_head = d_head,
                             .scale = logits.scale.factor(),
                             .cap = logits.cap.value_or(0),
                             .sinks = data_or_null<float>(sinks)},
        current_stream(out.device()), instruction);
  });
}

void multiply_rows(const at::Tensor& rows, const at::Tensor& columns, FloatProducts products,
                   at::Tensor out) {
  const bool wide = rows.scalar_type() == at::kFloat, in_tf32 = wide && products == FloatProducts::kTf32;
  const auto transposed = columns.transpose(1, 2);
  if (out.device().is_cpu()) {  // emulation
    const auto operand = [&](const at::Tensor& x) { return in_tf32 ? tf32(x) : x.to(at::kFloat); };
    at::bmm_out(out, operand(rows), operand(transposed));
    return;
  }
  const Tf32Guard guard(in_tf32);
  if (wide)
    at::bmm_out(out, rows, transposed);
  else
    at::bmm_out(out, rows, transposed, at::kFloat);
}

}  // namespace kvcompare
