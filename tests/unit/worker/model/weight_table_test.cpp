#include "worker/model/weight_table.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kvcompare {
namespace {

Decoder llama_8b() {
  LayerShape layer;
  layer.heads = {.n_heads = 32, .n_kv_heads = 8, .head_dim = 128};
  layer.mlp.width = 14336;
  Decoder decoder;
  decoder.ropes.emplace_back();
  decoder.vocab_size = 128256;
  decoder.hidden_size = 4096;
  decoder.layers.assign(32, layer);
  return decoder;
}

Decoder small() {
  LayerShape layer;
  layer.heads = {.n_heads = 2, .n_kv_heads = 1, .head_dim = 4};
  layer.mlp.width = 6;
  Decoder decoder;
  decoder.ropes.emplace_back();
  decoder.vocab_size = 10;
  decoder.hidden_size = 8;
  decoder.layers.assign(2, layer);
  return decoder;
}

// Meta's model card: 8.03 billion parameters.
TEST(WeightTable, HasTheNumbersOfLlama8B) {
  // A layer: q 4096*4096, k and v 1024*4096 each, o 4096*4096, gate, up and down 14336*4096 each, two norms.
  const std::int64_t matrices = 16777216 + 4194304 + 4194304 + 16777216 + 3 * std::int64_t{58720256};
  EXPECT_EQ(matrices + 8192, 218112000);
  EXPECT_EQ(n_layer_matrix_numbers(llama_8b(), 31), matrices);
  EXPECT_EQ(n_layer_numbers(llama_8b(), 31), matrices + 8192);
  EXPECT_EQ(n_decoder_numbers(llama_8b()), 8030261248);
}

TEST(WeightTable, CountsBiasesHeadNormsAndTiedEmbeddings) {
  auto decoder = small();
  const std::int64_t matrices = 8 * 8 + 2 * 4 * 8 + 8 * 8 + 3 * 6 * 8;
  EXPECT_EQ(n_layer_numbers(decoder, 0), matrices + 16);
  auto& layer = decoder.layers[1];
  layer.has_qkv_bias = layer.has_o_bias = layer.mlp.has_bias = true;
  layer.qk_norm = QkNorm::kOfEachHead;
  EXPECT_EQ(n_layer_matrix_numbers(decoder, 1), matrices);
  const std::int64_t vectors = 16 + 16 + 8 + (6 + 6 + 8) + (4 + 4);
  EXPECT_EQ(n_layer_numbers(decoder, 1), matrices + vectors);
  EXPECT_EQ(n_numbers_of_largest_layer(decoder), matrices + vectors);
  EXPECT_EQ(n_numbers_outside_layers(decoder), 2 * 80 + 8);
  EXPECT_EQ(n_decoder_numbers(decoder), 2 * matrices + 16 + vectors + 2 * 80 + 8);
  EXPECT_EQ(n_streamed_numbers(decoder), 2 * (matrices + vectors) + 2 * 80 + 8);
  decoder.has_tied_head = true;
  EXPECT_EQ(n_numbers_outside_layers(decoder), 80 + 8);
}

// q 8 rows, k and v 4 each, of 8 columns: one matrix of 16 rows.
TEST(WeightTable, SaysWhichRowsOfAFusedMatrixATensorIs) {
  const auto tensors = layer_tensors(small(), 0);
  const auto qkv = std::ranges::find(tensors, &FusedLayer::qkv, &FusedTensor::member);
  ASSERT_NE(qkv, tensors.end());
  EXPECT_TRUE(qkv->is_matrix());
  EXPECT_EQ(qkv->n_rows(), 16);
  EXPECT_EQ(qkv->n_columns(), 8);
  ASSERT_EQ(qkv->parts.size(), 3U);
  EXPECT_EQ(layer_prefix(1) + qkv->parts[1].name, "model.layers.1.self_attn.k_proj.weight");
  EXPECT_THAT(qkv->parts[1].shape, testing::ElementsAre(4, 8));
  EXPECT_EQ(qkv->parts[1].member, &LayerWeights::k);
  const auto norm = std::ranges::find(tensors, &FusedLayer::input_norm, &FusedTensor::member);
  ASSERT_NE(norm, tensors.end());
  EXPECT_FALSE(norm->is_matrix());
  EXPECT_EQ(norm->n_numbers(), 8);
}

// As Phi-3 stores them: q 8 rows, k and v 4 each, in one tensor.
TEST(WeightTable, SaysWhichRowsOfAStoredTensorAPartIs) {
  auto decoder = small();
  decoder.layers[0].qkv = "self_attn.qkv_proj";
  const auto tensors = layer_tensors(decoder, 0);
  const auto qkv = std::ranges::find(tensors, &FusedLayer::qkv, &FusedTensor::member);
  ASSERT_EQ(qkv->parts.size(), 3U);
  const std::int64_t first[] = {0, 8, 12};
  for (std::size_t p = 0; p < 3; ++p) {
    EXPECT_EQ(qkv->parts[p].name, "self_attn.qkv_proj.weight");
    EXPECT_EQ(qkv->parts[p].first_row, first[p]);
    EXPECT_THAT(qkv->parts[p].stored_shape(), testing::ElementsAre(16, 8));
  }
}

// Three experts of width 6, of which a token passes two: 3 * 3 * 6 * 8 numbers, and a router of 3 * 8.
TEST(WeightTable, CountsExperts) {
  auto decoder = small();
  const auto without = n_layer_matrix_numbers(decoder, 0) - 3 * 6 * 8;
  decoder.layers[0].mlp.experts = {.n = 3, .n_chosen = 2};
  decoder.layers[0].mlp.names = {.gate = "w1", .up = "w3", .down = "w2"};
  EXPECT_EQ(n_layer_matrix_numbers(decoder, 0), without + 3 * 3 * 6 * 8 + 3 * 8);
  EXPECT_EQ(n_multiplied_numbers(decoder, 0), without + 2 * 3 * 6 * 8 + 3 * 8);
  const auto tensors = layer_tensors(decoder, 0);
  const auto down = std::ranges::find(tensors, &FusedLayer::down, &FusedTensor::member);
  EXPECT_EQ(down->n_experts(), 3);
  EXPECT_EQ(down->parts[2].name, "mlp.experts.2.w2.weight");
}

}  // namespace
}  // namespace kvcompare
