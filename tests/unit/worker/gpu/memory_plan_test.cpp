#include "worker/gpu/memory_plan.h"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/errors.h"
#include "common/run/dtype.h"
#include "presses/registry.h"
#include "worker/gpu/gpu_unit_buffers.h"
#include "worker/model/weight_table.h"

namespace kvcompare {
namespace {

constexpr std::int64_t kGiB = std::int64_t{1} << 30;

Decoder llama_8b() {
  LayerShape layer;
  layer.heads = {.n_heads = 32, .n_kv_heads = 8, .head_dim = 128};
  layer.mlp.width = 14336;
  Decoder decoder;
  decoder.vocab_size = 128256;
  decoder.hidden_size = 4096;
  decoder.ropes.resize(1);
  decoder.layers.assign(32, layer);
  return decoder;
}

std::int64_t bytes_of_weights(const Decoder& decoder, Dtype dtype) {
  return n_decoder_numbers(decoder) * bytes_of(dtype);
}

MemoryDemand demand() {
  return {.decoder = llama_8b(),
          .dtype = Dtype::kBFloat16,
          .chunk_size = 1,
          .n_rows = 2048,
          .scorer_bytes = 0,
          .max_weight_memory = std::nullopt};
}

GpuMemory gpu(std::int64_t bytes) { return {.free_bytes = bytes, .total_bytes = bytes}; }

MethodSpec method(const char* name, double ratio = 0.75) {
  MethodFlags run;
  auto spec = make_method_spec(*find_method(name), run);
  if (std::holds_alternative<RatioBudget>(spec.policy)) spec.policy = RatioBudget{ratio};
  return spec;
}

std::map<std::string, std::int64_t> parts_of(const MethodSpec& method, std::int64_t n_tokens) {
  std::map<std::string, std::int64_t> parts;
  for (const auto& part : unit_memory(demand(), method, n_tokens, demand().n_rows))
    parts[part.name] += part.bytes;
  return parts;
}

// Llama-3.1-8B, 8192 tokens, 2 bytes a number, blocks of 2048 rows.
TEST(UnitMemory, IsWhatArithmeticByHandGives) {
  const auto parts = parts_of(method("streaming_llm"), 8192);
  EXPECT_EQ(parts.at("residual stream"), 201326592);           // 3 x 8192 x 4096 x 2
  EXPECT_EQ(parts.at("states of the baseline"), 67108864);     // 8192 x 4096 x 2
  EXPECT_EQ(parts.at("queries, keys and values"), 184549376);  // 8192 x (6144 + 5120) x 2
  EXPECT_EQ(parts.at("outputs of heads"), 67108864);           // 8192 x 4096 x 2
  EXPECT_EQ(parts.at("gate and up, or logits"), 117440512);    // 2048 x 28672 x 2
  EXPECT_EQ(parts.at("gated"), 58720256);                      // 2048 x 14336 x 2
  EXPECT_EQ(parts.at("death times"), 524288);                  // 2 x 8 x 8192 x 4
  EXPECT_EQ(parts.at("ids and numbers of tokens"), 262144);    // 8192 x (8 + 4 x 4 + 2 x 4)
  EXPECT_EQ(parts.at("order of scores"), 134217728);           // 32 x 8 x 8192 x 64
  EXPECT_EQ(parts.at("workspace of cuBLAS"), 33554432);
  EXPECT_EQ(total(unit_memory(demand(), method("streaming_llm"), 8192, 2048)), 864813056);
  EXPECT_EQ(pinned_bytes_of_unit(llama_8b(), 8192), 8388608 + 196608);  // 32 x 8 x 8192 x 4, and 8192 x 24
}

TEST(UnitMemory, OfASchedulingMethodHasItsMatrices) {
  const auto drifting = parts_of(method("expected_attention"), 8192);
  // Of four events three evict, so the last 64 come with 85 or 86 tokens; 2026 keys are alive before them,
  // and 4 of those are sinks. That is 2107 or 2108 places, in eights 2112.
  constexpr std::int64_t n_places = 2112;
  EXPECT_EQ(drifting.at("scores"), 32 * 64 * n_places * 4);
  // Channels: 128, and 128 x 130 / 2 products.
  EXPECT_EQ(drifting.at("products of key channels"), 8 * n_places * 8448 * 4);
  EXPECT_EQ(drifting.at("query statistics"), std::int64_t{32} * 64 * (8448 * 4 + 12) + 32 * (8448 + 128) * 8);
  // Events: 3 x 4 bytes and the 128 float64 of a rotation.
  EXPECT_EQ(drifting.at("events"), (8192 - 2048) * (12 + 1024));
  const auto observing = parts_of(method("observed_attention"), 8192);
  EXPECT_EQ(observing.at("attention logits and weights"), std::int64_t{32} * 64 * (2 * 4 * (2032 + 64) + 8));
  EXPECT_EQ(observing.at("gathered keys and queries"), (8 * (2032 + 64) + 32 * 64) * 128 * 2);
  const auto baseline = parts_of(method("baseline"), 8192);
  EXPECT_FALSE(baseline.contains("order of scores"));
}

// 2048 x 28672 / (2 x 128256) = 228.9, of which one tile of 128 is full.
TEST(UnitMemory, HasRoomForLogitsWhereGateAndUpWere) {
  EXPECT_EQ(n_logit_rows(llama_8b(), 2048), 128);
  EXPECT_EQ(n_wide_elements(llama_8b(), 2048), std::int64_t{2048} * 28672);
  auto narrow = llama_8b();
  narrow.vocab_size = 500;
  EXPECT_EQ(n_logit_rows(narrow, 2048), 2048);
  for (auto& layer : narrow.layers) layer.mlp.width = 4;
  EXPECT_EQ(n_logit_rows(narrow, 100), 1);
  EXPECT_EQ(n_logit_rows(narrow, 3), 1);
  EXPECT_EQ(n_wide_elements(narrow, 3), 1000);
}

TEST(UnitMemory, OfAShortSampleHasNoMoreRowsThanTokens) {
  EXPECT_EQ(parts_of(method("knorm"), 100).at("gated"), 100 * 14336 * 2);
}

// ---- plans

std::vector<Sample> samples_of(std::initializer_list<std::size_t> lengths) {
  std::vector<Sample> samples;
  for (const auto n : lengths) samples.push_back({.index = SampleIndex(0), .ids = std::vector<TokenId>(n)});
  return samples;
}

std::size_t n_together(const MemoryPlan& plan, const std::vector<Sample>& samples, const MethodSpec& method) {
  std::vector<EngineTask> tasks;
  for (const auto& sample : samples) tasks.push_back({&sample, &method});
  return plan.n_together(tasks);
}

TEST(MemoryPlan, PutsAsManyUnitsTogetherAsFit) {
  const auto weights = bytes_of_weights(llama_8b(), Dtype::kBFloat16);
  const auto streaming = method("streaming_llm");
  const auto unit = total(unit_memory(demand(), streaming, 8192, 2048));
  const auto plan = [&](std::int64_t for_units) {
    return MemoryPlan(demand(), gpu(weights + kGiB + for_units), 1);
  };
  const auto eight = samples_of({8192, 8192, 8192, 8192, 8192, 8192, 8192, 8192});
  EXPECT_EQ(plan(3 * unit).bytes_for_units(), 3 * unit);
  EXPECT_EQ(n_together(plan(3 * unit), eight, streaming), 3u);
  EXPECT_EQ(n_together(plan(3 * unit - 1), eight, streaming), 2u);
  EXPECT_EQ(n_together(plan(1), eight, streaming), 1u);  // it is tried, whatever the plan says
  EXPECT_EQ(n_together(plan(100 * unit), samples_of({9, 9, 9, 9, 9, 9, 9, 9, 9, 9}), streaming), 8u);
  EXPECT_EQ(n_together(plan(3 * unit), samples_of({8192}), streaming), 1u);
  // A short one beside a long one.
  EXPECT_EQ(n_together(plan(unit + unit / 2), samples_of({8192, 512, 8192}), streaming), 2u);
}

TEST(MemoryPlan, AsksForTheTokensThatFitInEightUnits) {
  const auto weights = bytes_of_weights(llama_8b(), Dtype::kBFloat16);
  const std::vector<MethodSpec> methods{method("baseline"), method("expected_attention")};
  const auto unit_of = [&](std::int64_t n) {
    return std::max(total(unit_memory(demand(), methods[0], n, 2048)),
                    total(unit_memory(demand(), methods[1], n, 2048)));
  };
  const MemoryPlan plan(demand(), gpu(weights + kGiB + 8 * unit_of(3000)), 1);
  EXPECT_EQ(plan.n_tokens_at_once(methods), 8 * 3000);
  EXPECT_EQ(MemoryPlan(demand(), gpu(weights + 200 * kGiB), 1).n_tokens_at_once(methods), 65536);
  EXPECT_EQ(MemoryPlan(demand(), gpu(weights + kGiB + 1), 1).n_tokens_at_once(methods), 8);
}

TEST(MemoryPlan, DividesAGpuAmongTheRanksThatShareIt) {
  const auto bytes_for_units = [](const GpuMemory& memory, int n_sharing) {
    return MemoryPlan(demand(), memory, n_sharing).bytes_for_units();
  };
  EXPECT_EQ(bytes_for_units(gpu(80 * kGiB), 2), bytes_for_units(gpu(40 * kGiB), 1));
  // Another process is there: no more than what is free.
  EXPECT_EQ(bytes_for_units({.free_bytes = 30 * kGiB, .total_bytes = 80 * kGiB}, 2),
            bytes_for_units(gpu(30 * kGiB), 1));
}

TEST(MemoryPlan, StreamsLayersIfTheWeightsAreNotToBeThereAtOnce) {
  const auto weights = bytes_of_weights(llama_8b(), Dtype::kBFloat16);
  auto streaming = demand();
  streaming.max_weight_memory = weights;
  EXPECT_FALSE(MemoryPlan(streaming, gpu(80 * kGiB), 1).streams());
  streaming.max_weight_memory = weights - 1;
  const MemoryPlan plan(streaming, gpu(80 * kGiB), 1);
  EXPECT_TRUE(plan.streams());
  // Embedding, head and last norm, and two layers.
  EXPECT_EQ(plan.weight_bytes(), (2 * std::int64_t{525336576} + 4096 + 2 * std::int64_t{218112000}) * 2);
}

TEST(MemoryPlan, RefusesWeightsThatDoNotFitAndSaysWhatDoes) {
  try {
    MemoryPlan(demand(), gpu(12 * kGiB), 1);
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_STREQ(
        error.what(),
        "max_weight_memory: weights of 15.0 GiB and 1.0 GiB for libraries do not fit into the 12.0 GiB of "
        "the GPU "
        "that this process may use; with --max_weight_memory 2973802496 they are streamed and take 2.8 GiB");
  }
  auto streaming = demand();
  streaming.max_weight_memory = 2973802496;
  EXPECT_NO_THROW(MemoryPlan(streaming, gpu(12 * kGiB), 1));
  EXPECT_THROW(MemoryPlan(streaming, gpu(3 * kGiB), 1), ConfigError);
}

TEST(MemoryPlan, IsToldInALine) {
  const std::vector<MethodSpec> methods{method("baseline"), method("expected_attention")};
  EXPECT_EQ(
      MemoryPlan(demand(), gpu(80 * kGiB), 1).summary(methods, 8192),
      "memory of a GPU: weights 15.0 GiB + 8 units in flight x 1.3 GiB at most (8192 tokens) + 1.0 GiB for "
      "libraries, of 80.0 GiB; 0.1 GiB of pinned memory");
  EXPECT_THAT(MemoryPlan(demand(), gpu(17 * kGiB), 1).summary(methods, 8192),
              testing::AllOf(testing::HasSubstr("1 unit in flight x 1.3 GiB"),
                             testing::HasSubstr("the longest sample may not fit")));
}

TEST(MemoryPlan, NamesTheSizesOfAUnit) {
  EXPECT_EQ(
      MemoryPlan(demand(), gpu(80 * kGiB), 1).sizes_of_unit(method("expected_attention"), 8192, 256),
      "1.2 GiB (residual stream 0.2, states of the baseline 0.1, queries, keys and values 0.2, outputs of "
      "heads 0.1, "
      "products of key channels 0.5, query statistics 0.1) beside weights of 15.0 GiB, of 80.0 GiB");
}

}  // namespace
}  // namespace kvcompare
