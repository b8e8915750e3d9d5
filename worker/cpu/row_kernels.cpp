#include "worker/cpu/row_kernels.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "worker/cpu/row_kernels.cpp"
#include <hwy/foreach_target.h>
// clang-format off: after foreach_target.h
#include <hwy/highway.h>

#include "presses/simd-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace kvcompare::HWY_NAMESPACE {

template <class T>
void rms_norm(const T* x, const T* weight, double eps, std::size_t n, T* out) {
  const hn::ScalableTag<T> d;
  auto squares = hn::Zero(d);
  for_each_vector(d, n, [&](std::size_t i, auto lanes) {
    const auto y = load(lanes, d, x + i);
    squares = hn::MulAdd(y, y, squares);
  });
  const T mean = hn::GetLane(hn::SumOfLanes(d, squares)) / static_cast<T>(n);
  const auto scale = hn::Set(d, 1 / std::sqrt(mean + static_cast<T>(eps)));
  for_each_vector(d, n, [&](std::size_t i, auto lanes) {
    const auto y = hn::Mul(load(lanes, d, x + i), scale);
    store(hn::Mul(y, load(lanes, d, weight + i)), lanes, d, out + i);
  });
}

template <class T>
void rotate(const T* x, const T* cos, const T* sin, std::size_t n_pairs, T* out) {
  const hn::ScalableTag<T> d;
  for_each_vector(d, n_pairs, [&](std::size_t i, auto lanes) {
    const auto a = load(lanes, d, x + i), b = load(lanes, d, x + n_pairs + i);
    const auto c = load(lanes, d, cos + i), s = load(lanes, d, sin + i);
    store(hn::NegMulAdd(b, s, hn::Mul(a, c)), lanes, d, out + i);
    store(hn::MulAdd(a, s, hn::Mul(b, c)), lanes, d, out + n_pairs + i);
  });
}

template <class T>
void layer_norm(const T* x, const T* weight, const T* bias, double eps, std::size_t n, T* out) {
  const hn::ScalableTag<T> d;
  auto sum = hn::Zero(d);
  for_each_vector(d, n, [&](std::size_t i, auto lanes) { sum = hn::Add(sum, load(lanes, d, x + i)); });
  const auto mean = hn::Set(d, hn::GetLane(hn::SumOfLanes(d, sum)) / static_cast<T>(n));
  auto squares = hn::Zero(d);
  for_each_vector(d, n, [&](std::size_t i, auto lanes) {
    const auto y = inside_or(d, hn::Sub(load(lanes, d, x + i), mean), lanes, hn::Zero(d));
    squares = hn::MulAdd(y, y, squares);
  });
  const T variance = hn::GetLane(hn::SumOfLanes(d, squares)) / static_cast<T>(n);
  const auto scale = hn::Set(d, 1 / std::sqrt(variance + static_cast<T>(eps)));
  for_each_vector(d, n, [&](std::size_t i, auto lanes) {
    const auto y = hn::Mul(hn::Sub(load(lanes, d, x + i), mean), scale);
    const auto weighted = hn::Mul(y, load(lanes, d, weight + i));
    store(bias ? hn::Add(weighted, load(lanes, d, bias + i)) : weighted, lanes, d, out + i);
  });
}

struct Silu {
  template <class D>
  hn::Vec<D> operator()(D d, hn::Vec<D> x) const {
    using T = hn::TFromD<D>;
    // Below this silu is 0 beside any number, and Highway's Exp would overflow to anything.
    const auto least = hn::Set(d, static_cast<T>(sizeof(T) == 4 ? -80 : -700));
    const auto silu = hn::Div(x, hn::Add(hn::Set(d, T{1}), hn::Exp(d, hn::Neg(hn::Max(x, least)))));
    return hn::IfThenZeroElse(hn::Lt(x, least), silu);
  }
};

struct SquaredRelu {
  template <class D>
  hn::Vec<D> operator()(D d, hn::Vec<D> x) const {
    return hn::IfThenZeroElse(hn::Lt(x, hn::Zero(d)), hn::Mul(x, x));
  }
};

// x / (1 + exp(-2 y)) with y = sqrt(2 / pi) (x + 0.044715 x^3): x / 2 (1 + tanh y) without its cancellation.
struct GeluTanh {
  template <class D>
  hn::Vec<D> operator()(D d, hn::Vec<D> x) const {
    using T = hn::TFromD<D>;
    const auto cube = hn::Mul(hn::Mul(x, x), x);
    const auto y = hn::Mul(hn::Set(d, static_cast<T>(-1.5957691216057308)),
                           hn::MulAdd(hn::Set(d, static_cast<T>(0.044715)), cube, x));
    const auto most = hn::Set(d, static_cast<T>(sizeof(T) == 4 ? 80 : 700));
    const auto least = hn::Neg(most);
    const auto gelu = hn::Div(x, hn::Add(hn::Set(d, T{1}), hn::Exp(d, hn::Max(hn::Min(y, most), least))));
    return hn::IfThenZeroElse(hn::Gt(y, most), gelu);
  }
};

struct Xielu {
  XieluParameters p;
  template <class D>
  hn::Vec<D> operator()(D d, hn::Vec<D> x) const {
    using T = hn::TFromD<D>;
    const auto of = [&](double number) { return hn::Set(d, static_cast<T>(number)); };
    const auto linear = hn::Mul(of(p.beta), x);
    const auto above = hn::MulAdd(hn::Mul(of(p.alpha_p), x), x, linear);
    const auto least = of(sizeof(T) == 4 ? -80 : -700);
    const auto exponent = hn::Max(hn::Min(x, of(p.epsilon)), least);
    const auto below = hn::MulAdd(hn::Sub(hn::Expm1(d, exponent), x), of(p.alpha_n), linear);
    return hn::IfThenElse(hn::Gt(x, hn::Zero(d)), above, below);
  }
};

template <class T>
void clamped_swiglu(const SwigluClamp& clamp, const T* x, const T* up, std::size_t n, T* out) {
  const hn::ScalableTag<T> d;
  const auto of = [&](double number) { return hn::Set(d, static_cast<T>(number)); };
  const auto limit = of(clamp.limit), alpha = of(clamp.alpha), one = hn::Set(d, T{1});
  // Not a number stays what it is, which Highway's Min does not promise.
  const auto at_most = [](auto most, auto v) { return hn::IfThenElse(hn::Gt(v, most), most, v); };
  // Silu has its own care for exponents that would overflow.
  const Silu silu;
  for_each_vector(d, n, [&](std::size_t i, auto lanes) {
    const auto gate = at_most(limit, load(lanes, d, x + i));
    const auto factor =
        hn::Add(one, hn::Neg(at_most(limit, hn::Neg(at_most(limit, load(lanes, d, up + i))))));
    store(hn::Mul(factor, hn::Div(silu(d, hn::Mul(alpha, gate)), alpha)), lanes, d, out + i);
  });
}

template <class T, class F>
void gate_by(const F& f, const T* x, const T* up, std::size_t n, T* out) {
  const hn::ScalableTag<T> d;
  for_each_vector(d, n, [&](std::size_t i, auto lanes) {
    const auto y = f(d, load(lanes, d, x + i));
    store(up ? hn::Mul(y, load(lanes, d, up + i)) : y, lanes, d, out + i);
  });
}

template <class T>
void gate(const RowGating& gating, const T* x, const T* up, std::size_t n, T* out) {
  switch (gating.activation) {
    case Activation::kSilu:
      return gate_by(Silu(), x, up, n, out);
    case Activation::kSquaredRelu:
      return gate_by(SquaredRelu(), x, up, n, out);
    case Activation::kGeluTanh:
      return gate_by(GeluTanh(), x, up, n, out);
    case Activation::kXielu:
      return gate_by(Xielu{gating.xielu}, x, up, n, out);
    case Activation::kClampedSwiglu:
      return clamped_swiglu(gating.clamp, x, up, n, out);
  }
}

// 0, or NaN if a number is not finite.
template <class T>
T zero_if_finite(const T* x, std::size_t n) {
  const hn::ScalableTag<T> d;
  auto sum = hn::Zero(d);
  for_each_vector(d, n, [&](std::size_t i, auto lanes) {
    const auto y = load(lanes, d, x + i);
    sum = hn::Add(sum, hn::Sub(y, y));
  });
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

template <class T>
void accumulate(const T* x, std::size_t n, LogSumExp& total) {
  const hn::ScalableTag<T> d;
  auto highest = hn::Set(d, std::numeric_limits<T>::lowest());
  const auto lowest = highest;
  for_each_vector(d, n, [&](std::size_t i, auto lanes) {
    highest = hn::Max(highest, inside_or(d, load(lanes, d, x + i), lanes, lowest));
  });
  const double max = std::fmax(total.max, static_cast<double>(hn::GetLane(hn::MaxOfLanes(d, highest))));
  const auto shift = hn::Set(d, static_cast<T>(max));
  auto sum = hn::Zero(d);
  for_each_vector(d, n, [&](std::size_t i, auto lanes) {
    const auto y = exp_of_difference(d, hn::Sub(load(lanes, d, x + i), shift));
    sum = hn::Add(sum, inside_or(d, y, lanes, hn::Zero(d)));
  });
  total.sum = total.sum * std::exp(total.max - max) +
              static_cast<double>(hn::GetLane(hn::SumOfLanes(d, sum))) +
              static_cast<double>(zero_if_finite(x, n));
  total.max = max;
}

// Highway exports plain functions.
void rms_norm_float(const float* x, const float* weight, double eps, std::size_t n, float* out) {
  rms_norm(x, weight, eps, n, out);
}
void rms_norm_double(const double* x, const double* weight, double eps, std::size_t n, double* out) {
  rms_norm(x, weight, eps, n, out);
}
void rotate_float(const float* x, const float* cos, const float* sin, std::size_t n_pairs, float* out) {
  rotate(x, cos, sin, n_pairs, out);
}
void rotate_double(const double* x, const double* cos, const double* sin, std::size_t n_pairs, double* out) {
  rotate(x, cos, sin, n_pairs, out);
}
void layer_norm_float(const float* x, const float* weight, const float* bias, double eps, std::size_t n,
                      float* out) {
  layer_norm(x, weight, bias, eps, n, out);
}
void layer_norm_double(const double* x, const double* weight, const double* bias, double eps, std::size_t n,
                       double* out) {
  layer_norm(x, weight, bias, eps, n, out);
}
void gate_float(const RowGating& gating, const float* x, const float* up, std::size_t n, float* out) {
  gate(gating, x, up, n, out);
}
void gate_double(const RowGating& gating, const double* x, const double* up, std::size_t n, double* out) {
  gate(gating, x, up, n, out);
}
bool all_finite_float(const float* x, std::size_t n) { return zero_if_finite(x, n) == 0; }
bool all_finite_double(const double* x, std::size_t n) { return zero_if_finite(x, n) == 0; }
void add_block_float(const float* x, std::size_t n, LogSumExp& total) { accumulate(x, n, total); }
void add_block_double(const double* x, std::size_t n, LogSumExp& total) { accumulate(x, n, total); }

}  // namespace kvcompare::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace kvcompare {
HWY_EXPORT(rms_norm_float);
HWY_EXPORT(rms_norm_double);
HWY_EXPORT(rotate_float);
HWY_EXPORT(rotate_double);
HWY_EXPORT(layer_norm_float);
HWY_EXPORT(layer_norm_double);
HWY_EXPORT(gate_float);
HWY_EXPORT(gate_double);
HWY_EXPORT(all_finite_float);
HWY_EXPORT(all_finite_double);
HWY_EXPORT(add_block_float);
HWY_EXPORT(add_block_double);

void rms_norm_row(const float* x, const float* weight, double eps, std::size_t n, float* out) {
  HWY_DYNAMIC_DISPATCH(rms_norm_float)(x, weight, eps, n, out);
}
void rms_norm_row(const double* x, const double* weight, double eps, std::size_t n, double* out) {
  HWY_DYNAMIC_DISPATCH(rms_norm_double)(x, weight, eps, n, out);
}
void rotate_row(const float* x, const float* cos, const float* sin, std::size_t n_pairs, float* out) {
  HWY_DYNAMIC_DISPATCH(rotate_float)(x, cos, sin, n_pairs, out);
}
void rotate_row(const double* x, const double* cos, const double* sin, std::size_t n_pairs, double* out) {
  HWY_DYNAMIC_DISPATCH(rotate_double)(x, cos, sin, n_pairs, out);
}
void layer_norm_row(const float* x, const float* weight, const float* bias, double eps, std::size_t n,
                    float* out) {
  HWY_DYNAMIC_DISPATCH(layer_norm_float)(x, weight, bias, eps, n, out);
}
void layer_norm_row(const double* x, const double* weight, const double* bias, double eps, std::size_t n,
                    double* out) {
  HWY_DYNAMIC_DISPATCH(layer_norm_double)(x, weight, bias, eps, n, out);
}
void gate_row(const RowGating& gating, const float* x, const float* up, std::size_t n, float* out) {
  HWY_DYNAMIC_DISPATCH(gate_float)(gating, x, up, n, out);
}
void gate_row(const RowGating& gating, const double* x, const double* up, std::size_t n, double* out) {
  HWY_DYNAMIC_DISPATCH(gate_double)(gating, x, up, n, out);
}
bool all_finite(const float* x, std::size_t n) { return HWY_DYNAMIC_DISPATCH(all_finite_float)(x, n); }
bool all_finite(const double* x, std::size_t n) { return HWY_DYNAMIC_DISPATCH(all_finite_double)(x, n); }
void add_block(const float* x, std::size_t n, LogSumExp& total) {
  HWY_DYNAMIC_DISPATCH(add_block_float)(x, n, total);
}
void add_block(const double* x, std::size_t n, LogSumExp& total) {
  HWY_DYNAMIC_DISPATCH(add_block_double)(x, n, total);
}

double LogSumExp::value() const { return max + std::log(sum); }

}  // namespace kvcompare
#endif
