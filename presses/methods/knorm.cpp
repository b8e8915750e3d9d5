#include "presses/methods/knorm.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/bitwise_and.h>
#include <ATen/ops/bitwise_right_shift.h>
#include <ATen/ops/linalg_vector_norm.h>

#include "presses/scorer.h"

namespace kvcompare {
namespace {

// Rounds positive doubles to 11 significant bits, ties to even, in their bit patterns: of the 52 bits of the
// fraction the upper 10 stay. A carry goes into the exponent, as it should.
at::Tensor rounded(const at::Tensor& x) {
  constexpr std::int64_t kDropped = 42;
  constexpr std::int64_t kUnit = std::int64_t{1} << kDropped;
  const auto bits = x.contiguous().view(at::kLong);
  const auto is_odd = bits.bitwise_right_shift(kDropped).bitwise_and(1);
  return (bits + is_odd + (kUnit / 2 - 1)).bitwise_and(-kUnit).view(at::kDouble);
}

class Knorm : public FixedScorer {
 public:
  Needs needs() const override { return {.raw_k = true}; }

  at::Tensor score(const LayerView& tokens) const override {
    return -rounded(at::linalg_vector_norm(tokens.raw_k.to(at::kDouble), 2, at::IntArrayRef{-1}));
  }
};

}  // namespace

MethodDescription knorm_method() {
  return {
      .name = "knorm",
      .display_name = "Knorm",
      .aliases = {"KnormPress"},
      .summary = "minus the L2 norm of the key before RoPE, rounded to 11 significant bits",
      .source = "arXiv 2406.11430",
      .make = [](const MethodSpec&, const ScorerResources&) -> Scorer { return std::make_unique<Knorm>(); },
      .on_device = [](const MethodSpec&) -> DeviceSchedule { return TokenScores{}; }};
}

}  // namespace kvcompare
