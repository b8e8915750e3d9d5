#include "presses/knorm.h"

#include <tuple>

#include <ATen/TensorOperators.h>
#include <ATen/ops/frexp.h>
#include <ATen/ops/ldexp.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/round.h>

#include "presses/scorer.h"

namespace kvcompare {
namespace {

constexpr double kMantissaScale = 1 << 11;

class Knorm : public FixedScorer {
 public:
  at::Tensor score(const LayerView& tokens) const override {
    const auto norm = at::linalg_vector_norm(tokens.raw_k.to(at::kDouble), 2, at::IntArrayRef{-1});
    const auto [mantissa, exponent] = at::frexp(norm);
    return -at::ldexp((mantissa * kMantissaScale).round() / kMantissaScale, exponent);
  }
};

}  // namespace

Scorer make_knorm(const ScorerParameters&, const ScorerResources&) { return std::make_unique<Knorm>(); }

}  // namespace kvcompare
