#include "worker/gpu/attention_check.h"

#include <gtest/gtest.h>

#include "common/errors.h"
#include "tests/support/kernel_run.h"

namespace kvcompare {
namespace {

LayerShape heads(std::int64_t n_heads, std::int64_t n_kv_heads, std::int64_t head_dim) {
  LayerShape layer;
  layer.heads = {.n_heads = n_heads, .n_kv_heads = n_kv_heads, .head_dim = head_dim};
  layer.scale = {static_cast<double>(head_dim)};
  return layer;
}

at::TensorOptions options(at::ScalarType type) { return at::TensorOptions(kernel_device()).dtype(type); }

TEST(AttentionCheck, FindsTheInstructionsOfTheDeviceRight) {
  for (const auto type : {at::kFloat, at::kHalf, at::kBFloat16})
    for (const auto& layer : {heads(4, 2, 64), heads(3, 1, 128), heads(2, 2, 20)})
      EXPECT_EQ(right_instruction(layer, options(type)), MatrixInstruction::kBest);
}

LayerShape capped_with_sinks() {
  auto layer = heads(4, 2, 64);
  layer.cap = 0.5;  // logits are up to a few units
  layer.has_sinks = true;
  return layer;
}

TEST(AttentionCheck, LooksAtCapsAndSinksToo) {
  EXPECT_EQ(right_instruction(capped_with_sinks(), options(at::kFloat)), MatrixInstruction::kBest);
  const auto no_cap = [](const auto& rotated, const auto& qkv, const auto& until, AttentionLogits logits,
                         const auto& out, MatrixInstruction instruction) {
    logits.cap.reset();
    attend_to_alive(rotated, qkv, until, logits, out, instruction);
  };
  EXPECT_THROW(right_instruction(capped_with_sinks(), options(at::kFloat), no_cap), InvariantError);
  const auto no_sinks = [](const auto& rotated, const auto& qkv, const auto& until, AttentionLogits logits,
                           const auto& out, MatrixInstruction instruction) {
    logits.sinks = at::Tensor();
    attend_to_alive(rotated, qkv, until, logits, out, instruction);
  };
  EXPECT_THROW(right_instruction(capped_with_sinks(), options(at::kFloat), no_sinks), InvariantError);
}

TEST(AttentionCheck, NamesTheInstructionThatAttentionComputesWith) {
  const auto name = [](at::ScalarType type, std::int64_t head_dim, MatrixInstruction instruction) {
    return name_of_instruction(heads(4, 2, head_dim).heads, options(type), instruction);
  };
  using enum MatrixInstruction;
  for (const int capability : {80, 90}) {
    if (!set_compute_capability(capability)) continue;
    for (const auto type : {at::kHalf, at::kBFloat16})
      for (const std::int64_t head_dim : {64, 80, 96, 128, 256}) {
        EXPECT_EQ(name(type, head_dim, kBest), capability == 90 ? "wgmma" : "mma.sync");
        EXPECT_EQ(name(type, head_dim, kMmaSync), "mma.sync");
      }
    EXPECT_EQ(name(at::kBFloat16, 20, kBest), "fma");
    EXPECT_EQ(name(at::kFloat, 64, kBest), "fma");
  }
  set_compute_capability(80);
}

// Attention that forgets one key of one head.
void forget_a_key(const at::Tensor& rotated, const at::Tensor& qkv, const at::Tensor& until,
                  const AttentionLogits& logits, const at::Tensor& out, MatrixInstruction instruction) {
  const auto wrong = until.clone();
  wrong.select(0, 1).narrow(0, 100, 1).fill_(101);
  attend_to_alive(rotated, qkv, wrong, logits, out, instruction);
}

TEST(AttentionCheck, TakesTheOtherInstructionIfTheBestIsWrong) {
  const auto best_is_wrong = [](const auto& rotated, const auto& qkv, const auto& until, const auto& logits,
                                const auto& out, MatrixInstruction instruction) {
    (instruction == MatrixInstruction::kBest ? forget_a_key : attend_to_alive)(rotated, qkv, until, logits,
                                                                               out, instruction);
  };
  EXPECT_EQ(right_instruction(heads(4, 2, 64), options(at::kBFloat16), best_is_wrong),
            MatrixInstruction::kMmaSync);
}

TEST(AttentionCheck, RefusesADeviceOnWhichAllAreWrong) {
  EXPECT_THROW(right_instruction(heads(4, 2, 64), options(at::kBFloat16), forget_a_key), InvariantError);
  const auto write_nothing = [](const auto&...) {};
  EXPECT_THROW(right_instruction(heads(4, 2, 64), options(at::kFloat), write_nothing), InvariantError);
}

}  // namespace
}  // namespace kvcompare
