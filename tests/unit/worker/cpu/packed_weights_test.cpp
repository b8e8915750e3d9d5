#include "worker/cpu/packed_weights.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <numeric>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/TensorOperators.h>

#include "tests/support/small_checkpoint.h"
#include "tests/support/tiny_model.h"
#include "worker/checkpoint/model_config.h"

namespace kvcompare {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// ---- what a stage must hold

// Same numbers, bit by bit, or both undefined.
void expect_same(const at::Tensor& actual, const at::Tensor& expected, const std::string& name) {
  ASSERT_EQ(actual.defined(), expected.defined()) << name;
  if (!actual.defined()) return;
  ASSERT_EQ(actual.sizes(), expected.sizes()) << name;
  ASSERT_EQ(actual.scalar_type(), expected.scalar_type()) << name;
  ASSERT_TRUE(actual.is_contiguous()) << name;
  const auto contiguous = expected.contiguous();
  ASSERT_EQ(std::memcmp(actual.const_data_ptr(), contiguous.const_data_ptr(), contiguous.nbytes()), 0)
      << name;
}

// packed: [in, all outs], in panels of 64 columns; matrices: [out, in] each, in the order of their columns.
template <class T>
void expect_columns(const at::Tensor& packed, const std::vector<at::Tensor>& matrices,
                    const std::string& name) {
  ASSERT_TRUE(packed.is_contiguous()) << name;
  const auto n_in = matrices.front().size(1);
  std::vector<const T*> columns;
  for (const auto& matrix : matrices)
    for (std::int64_t o = 0; o < matrix.size(0); ++o)
      columns.push_back(matrix.const_data_ptr<T>() + o * n_in);
  ASSERT_EQ(packed.sizes(), (std::vector{n_in, std::ssize(columns)})) << name;
  const T* number = packed.const_data_ptr<T>();
  for (std::size_t first = 0; first < columns.size(); first += 64)
    for (std::int64_t i = 0; i < n_in; ++i)
      for (auto c = first; c < std::min(first + 64, columns.size()); ++c, ++number)
        ASSERT_EQ(*number, columns[c][i]) << name << ", row " << i << ", column " << c;
}

template <class T>
void expect_joined(const at::Tensor& packed, const std::vector<at::Tensor>& biases, const std::string& name) {
  ASSERT_EQ(packed.defined(), biases.front().defined()) << name;
  if (!packed.defined()) return;
  std::vector<T> expected;
  for (const auto& bias : biases)
    expected.insert(expected.end(), bias.const_data_ptr<T>(), bias.const_data_ptr<T>() + bias.numel());
  ASSERT_EQ(packed.sizes(), std::vector{std::ssize(expected)}) << name;
  ASSERT_TRUE(std::equal(expected.begin(), expected.end(), packed.const_data_ptr<T>())) << name;
}

template <class T>
void expect_layer(const FusedLayer& packed, const LayerWeights& w) {
  expect_same(packed.input_norm, w.input_norm, "input_norm");
  expect_columns<T>(packed.qkv, {w.q, w.k, w.v}, "qkv");
  expect_joined<T>(packed.qkv_bias, {w.q_bias, w.k_bias, w.v_bias}, "qkv_bias");
  expect_same(packed.q_norm, w.q_norm, "q_norm");
  expect_same(packed.k_norm, w.k_norm, "k_norm");
  expect_columns<T>(packed.o, {w.o}, "o");
  expect_same(packed.o_bias, w.o_bias, "o_bias");
  expect_same(packed.mlp_input_norm, w.mlp_input_norm, "mlp_input_norm");
  expect_columns<T>(packed.gate_up, {w.gate, w.up}, "gate_up");
  expect_joined<T>(packed.gate_up_bias, {w.gate_bias, w.up_bias}, "gate_up_bias");
  expect_columns<T>(packed.down, {w.down}, "down");
  expect_same(packed.down_bias, w.down_bias, "down_bias");
}

void expect_same_layer(const FusedLayer& actual, const FusedLayer& expected) {
  for (const auto& [name, member] :
       {std::pair{"input_norm", &FusedLayer::input_norm}, std::pair{"qkv", &FusedLayer::qkv},
        std::pair{"qkv_bias", &FusedLayer::qkv_bias}, std::pair{"q_norm", &FusedLayer::q_norm},
        std::pair{"k_norm", &FusedLayer::k_norm}, std::pair{"o", &FusedLayer::o},
        std::pair{"o_bias", &FusedLayer::o_bias}, std::pair{"mlp_input_norm", &FusedLayer::mlp_input_norm},
        std::pair{"gate_up", &FusedLayer::gate_up}, std::pair{"gate_up_bias", &FusedLayer::gate_up_bias},
        std::pair{"down", &FusedLayer::down}, std::pair{"down_bias", &FusedLayer::down_bias}})
    expect_same(actual.*member, expected.*member, name);
}

// Stages as a pass asks for them: the layers, then the blocks of the head.
std::int64_t n_stages(const PackedWeights& weights) {
  return weights.decoder().n_layers() + weights.n_head_blocks();
}

void expect_same_stage(PackedWeights& actual, PackedWeights& expected, std::int64_t stage) {
  SCOPED_TRACE("stage " + std::to_string(stage));
  const auto n_layers = actual.decoder().n_layers();
  if (stage < n_layers)
    expect_same_layer(*actual.layer(stage), *expected.layer(stage));
  else
    expect_same(*actual.head_block(stage - n_layers), *expected.head_block(stage - n_layers), "head");
}

// The smallest max_bytes with which a model can be streamed: three times the largest stage's matrices.
std::int64_t enough_to_stream(const Decoder& d, std::int64_t bytes_per_number) {
  const auto& heads = d.layer(0).heads;
  const auto q_and_o = 2 * heads.n_heads * heads.head_dim * d.hidden_size;
  const auto k_and_v = 2 * heads.n_kv_heads * heads.head_dim * d.hidden_size;
  const auto mlp = 3 * d.layer(0).mlp.width * d.hidden_size;
  const auto head = std::min<std::int64_t>(d.vocab_size, 4096) * d.hidden_size;
  return 3 * std::max(q_and_o + k_and_v + mlp, head) * bytes_per_number;
}

// ---- every kind of model

class PackedWeightsOf : public ::testing::TestWithParam<TinyModelPreset> {
 protected:
  // Deep enough that not all of it fits where streaming does.
  PackedWeightsOf() {
    auto spec = GetParam().spec;
    spec.layers = 5;
    write_tiny_model(folder_.path(), spec);
    decoder_ = read_model_config(folder_.path() / "config.json").decoder;
  }
  CheckpointWeights checkpoint(at::ScalarType dtype) const {
    return {folder_.path(), decoder_, dtype, at::kCPU};
  }

  template <class T>
  void expect_transposed_weights() const {
    constexpr auto kType = c10::CppTypeToScalarType<T>::value;
    const auto weights = load_weights(folder_.path(), decoder_, kType, at::kCPU);
    PackedWeights packed(decoder_, checkpoint(kType), std::nullopt);
    EXPECT_FALSE(packed.streams());
    EXPECT_EQ(packed.n_head_blocks(), 1);
    EXPECT_EQ(packed.decoder().n_layers(), 5);
    for (std::int64_t l = 0; l < 5; ++l) {
      SCOPED_TRACE("layer " + std::to_string(l));
      expect_layer<T>(*packed.layer(l), weights.layers[static_cast<std::size_t>(l)]);
    }
    expect_columns<T>(*packed.head_block(0), {weights.lm_head}, "head");
    expect_same(packed.final_norm(), weights.final_norm, "final_norm");
    const std::vector<TokenId> ids{5, 0, decoder_.vocab_size - 1, 5};
    const auto embedded = packed.embed(ids);
    ASSERT_EQ(embedded.sizes(), (std::vector<std::int64_t>{4, decoder_.hidden_size}));
    for (std::int64_t i = 0; i < 4; ++i)
      expect_same(embedded[i], weights.embedding[ids[static_cast<std::size_t>(i)]], "embedding");
  }

  TemporaryFolder folder_;
  Decoder decoder_;
};
INSTANTIATE_TEST_SUITE_P(TinyModels, PackedWeightsOf,
                         ::testing::ValuesIn(tiny_model_presets().begin(), tiny_model_presets().end()),
                         [](const auto& preset) { return std::string(preset.param.name); });

TEST_P(PackedWeightsOf, AreTheCheckpointsTransposed) {
  expect_transposed_weights<float>();
  expect_transposed_weights<double>();
}

TEST_P(PackedWeightsOf, AreTheSameStreamed) {
  for (const auto dtype : {at::kFloat, at::kDouble}) {
    const auto enough = enough_to_stream(decoder_, dtype == at::kFloat ? 4 : 8);
    PackedWeights resident(decoder_, checkpoint(dtype), std::nullopt);
    PackedWeights streamed(decoder_, checkpoint(dtype), enough);
    ASSERT_TRUE(streamed.streams());
    ASSERT_EQ(streamed.n_head_blocks(), resident.n_head_blocks());
    expect_same(streamed.final_norm(), resident.final_norm(), "final_norm");
    const std::vector<TokenId> ids{3, 1};
    expect_same(streamed.embed(ids), resident.embed(ids), "embedding");
    for (int pass = 0; pass < 2; ++pass)
      for (std::int64_t s = 0; s < n_stages(resident); ++s) expect_same_stage(streamed, resident, s);
    for (const std::int64_t s : {3, 3, 2, 5, 0, 4, 5, 1, 0, 2}) expect_same_stage(streamed, resident, s);
    EXPECT_THROW(PackedWeights(decoder_, checkpoint(dtype), enough - 1), ConfigError);
  }
}

// ---- checkpoints whose tensors the test writes

// Of small_config(), but deep.
class PackedSmall : public WeightsTest {
 protected:
  static constexpr std::int64_t kLayers = 6;

  PackedSmall() { config_.n_layers = kLayers; }

  std::map<std::string, std::vector<std::int64_t>> shapes() const {
    std::map<std::string, std::vector<std::int64_t>> shapes;
    const std::string first = "model.layers.0.";
    for (const auto& [name, shape] : small_shapes()) {
      if (!name.starts_with("model.layers.")) shapes[name] = {config_.vocab_size, config_.hidden_size};
      if (!name.starts_with(first)) continue;
      for (std::int64_t l = 0; l < kLayers; ++l)
        shapes["model.layers." + std::to_string(l) + '.' + name.substr(first.size())] = shape;
    }
    shapes["model.norm.weight"] = {config_.hidden_size};
    return shapes;
  }
  std::vector<TensorToWrite> tensors() const {
    std::vector<TensorToWrite> tensors;
    for (const auto& [name, shape] : shapes()) tensors.push_back(float_tensor(name, shape));
    return tensors;
  }

  PackedWeights packed(std::optional<std::int64_t> max_bytes, at::ScalarType dtype = at::kFloat) const {
    return {decoder(), CheckpointWeights(folder_.path(), decoder(), dtype, at::kCPU), max_bytes};
  }
  // Resident, and streamed.
  std::vector<std::optional<std::int64_t>> both_modes() const {
    return {std::nullopt, enough_to_stream(decoder(), 4)};
  }
  void expect_refusal(const std::string& name, const std::string& element) const {
    for (const auto max_bytes : both_modes()) {
      const auto error = error_of<CheckpointError>([&] { packed(max_bytes); });
      EXPECT_EQ(error.item, name) << max_bytes.value_or(0);
      EXPECT_EQ(error.file, file().string());
      EXPECT_THAT(error.what(), HasSubstr(element));
    }
  }
  void expect_same_streamed() const {
    auto resident = packed(std::nullopt), streamed = packed(enough_to_stream(decoder(), 4));
    ASSERT_TRUE(streamed.streams());
    for (int pass = 0; pass < 2; ++pass)
      for (std::int64_t s = 0; s < n_stages(resident); ++s) expect_same_stage(streamed, resident, s);
  }
};

TEST_F(PackedSmall, RefusesEveryTensorWithANaNOrInfinity) {
  write(tensors());
  for (const auto max_bytes : both_modes()) EXPECT_EQ(packed(max_bytes).streams(), max_bytes.has_value());
  for (const auto& [name, shape] : shapes())
    for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
      auto damaged = tensors();
      set_value(tensor_named(damaged, name), 5, bad);
      write(damaged);
      expect_refusal(name, "element 5 ");
    }
}

TEST_F(PackedSmall, RefusesANaNInATiedEmbedding) {
  config_.tied_embeddings = true;
  auto damaged = tensors();
  drop(damaged, "lm_head.weight");
  set_value(tensor_named(damaged, "model.embed_tokens.weight"), 41, std::nanf(""));
  write(damaged);
  expect_refusal("model.embed_tokens.weight", "element 41 ");
}

TEST_F(PackedSmall, TakesTheHeadForATiedEmbeddingThatIsNotStored) {
  config_.tied_embeddings = true;
  auto all = tensors();
  drop(all, "model.embed_tokens.weight");
  write(all);
  for (const auto max_bytes : both_modes()) {
    auto weights = packed(max_bytes);
    const std::vector<TokenId> ids{4};
    const auto embedded = weights.embed(ids);
    const auto head = weights.head_block(0);
    for (std::int64_t i = 0; i < 6; ++i) {
      EXPECT_EQ(embedded.const_data_ptr<float>()[i], value_at("lm_head.weight", 4 * 6 + i));
      EXPECT_EQ(head->const_data_ptr<float>()[i * 7 + 4], value_at("lm_head.weight", 4 * 6 + i));
    }
  }
}

TEST_F(PackedSmall, RefusesWhatOverflowsInTheDtypeOfTheComputation) {
  auto large = tensors();
  auto& norm = tensor_named(large, "model.layers.4.input_layernorm.weight");
  norm.dtype = "F64";
  std::vector<double> values(6, 1);
  values[3] = 1e200;
  norm.bytes = bytes_of<double>(values);
  write(large);
  expect_refusal("model.layers.4.input_layernorm.weight", "element 3 ");
  EXPECT_NO_THROW(packed(std::nullopt, at::kDouble));
}

// The file is overwritten in place: what was a view of it would change.
TEST_F(PackedSmall, KeepItsOwnCopyUnlessStreamed) {
  config_.qkv_bias = config_.o_bias = config_.mlp_bias = config_.qk_norm = true;
  auto all = tensors();
  for (std::int64_t l = 0; l < kLayers; ++l)
    for (const auto& [name, n] :
         {std::pair{"self_attn.q_proj.bias", 8}, std::pair{"self_attn.k_proj.bias", 4},
          std::pair{"self_attn.v_proj.bias", 4}, std::pair{"self_attn.o_proj.bias", 6},
          std::pair{"self_attn.q_norm.weight", 4}, std::pair{"self_attn.k_norm.weight", 4},
          std::pair{"mlp.gate_proj.bias", 5}, std::pair{"mlp.up_proj.bias", 5},
          std::pair{"mlp.down_proj.bias", 6}})
      all.push_back(float_tensor("model.layers." + std::to_string(l) + '.' + name, {n}));
  write(all);
  auto resident = packed(std::nullopt);
  std::filesystem::create_directories(folder_.path() / "copy");
  std::filesystem::copy(file(), folder_.path() / "copy" / "model.safetensors");
  PackedWeights copy(decoder(), {folder_.path() / "copy", decoder(), at::kFloat, at::kCPU}, std::nullopt);
  const auto n_bytes = std::filesystem::file_size(file());
  std::fstream(file(), std::ios::in | std::ios::out | std::ios::binary)
      .write(std::string(n_bytes, '\1').data(), static_cast<std::streamsize>(n_bytes));
  for (std::int64_t s = 0; s < n_stages(copy); ++s) expect_same_stage(resident, copy, s);
  expect_same(resident.final_norm(), copy.final_norm(), "final_norm");
}

// ---- the head in blocks

class PackedHead : public PackedSmall {
 protected:
  static constexpr std::int64_t kBlock = 4096;
};

TEST_F(PackedHead, ComesInBlocksOfTheVocabulary) {
  ASSERT_EQ(PackedWeights::kHeadBlock, kBlock);
  for (const std::int64_t vocab : {kBlock - 1, kBlock, kBlock + 1, 2 * kBlock, 2 * kBlock + 7}) {
    config_.vocab_size = vocab;
    write(tensors());
    auto weights = packed(std::nullopt);
    ASSERT_EQ(weights.n_head_blocks(), (vocab + kBlock - 1) / kBlock) << vocab;
    std::int64_t entry = 0;
    for (std::int64_t b = 0; b < weights.n_head_blocks(); ++b) {
      const auto block = weights.head_block(b);
      ASSERT_EQ(block->sizes(), (std::vector<std::int64_t>{6, std::min(kBlock, vocab - b * kBlock)}))
          << vocab;
      for (std::int64_t o = 0; o < block->size(1); ++o, ++entry) {
        const auto panel = o / 64 * 64, n_columns = std::min<std::int64_t>(64, block->size(1) - panel);
        for (std::int64_t i = 0; i < 6; ++i)
          ASSERT_EQ(block->const_data_ptr<float>()[panel * 6 + i * n_columns + o - panel],
                    value_at("lm_head.weight", entry * 6 + i))
              << entry << ' ' << i;
      }
    }
    EXPECT_EQ(entry, vocab);
  }
}

TEST_F(PackedHead, IsTheSameStreamed) {
  for (const bool tied : {false, true}) {
    config_.vocab_size = 3 * kBlock + 7;
    config_.tied_embeddings = tied;
    auto all = tensors();
    if (tied) drop(all, "lm_head.weight");
    write(all);
    expect_same_streamed();
  }
}

TEST_F(PackedHead, RefusesANaNInAnyBlock) {
  config_.vocab_size = 3 * kBlock + 7;
  for (const std::string name : {"lm_head.weight", "model.embed_tokens.weight"})
    for (const std::int64_t row : {std::int64_t{0}, kBlock - 1, kBlock, 2 * kBlock + 1, 3 * kBlock + 6}) {
      auto damaged = tensors();
      set_value(tensor_named(damaged, name), static_cast<std::size_t>(row * 6 + 2), std::nanf(""));
      write(damaged);
      expect_refusal(name, "element " + std::to_string(row * 6 + 2) + ' ');
    }
}

// ---- the memory allowed

// Head blocks of 4 MiB: 12 MiB are needed, and 20 MiB and some for all.
TEST_F(PackedHead, SaysHowMuchMemoryIsNeeded) {
  constexpr std::int64_t kMebibyte = 1 << 20;
  config_.hidden_size = 256;
  config_.vocab_size = 5 * kBlock;
  config_.tied_embeddings = true;
  std::vector<TensorToWrite> all;
  for (auto [name, shape] : shapes()) {
    if (name == "lm_head.weight") continue;
    for (auto& n : shape)
      if (n == 6) n = 256;  // small_config()'s hidden_size
    all.push_back(float_tensor(name, shape));
  }
  write(all);
  const auto error = error_of<ConfigError>([&] { packed(11 * kMebibyte); });
  EXPECT_EQ(error.key, "max_weight_memory");
  EXPECT_THAT(error.problem, AllOf(HasSubstr("11.0MiB is too little"), HasSubstr("needs 12.0MiB"),
                                   HasSubstr("all of it 20.")));
  EXPECT_THROW(packed(12 * kMebibyte - 1), ConfigError);
  EXPECT_TRUE(packed(12 * kMebibyte).streams());
  EXPECT_TRUE(packed(20 * kMebibyte).streams());
  EXPECT_FALSE(packed(21 * kMebibyte).streams());
}

// 6 layers of 234 numbers each, and a head of 42.
TEST_F(PackedSmall, StaysInMemoryAsSoonAsItFits) {
  write(tensors());
  constexpr std::int64_t kAll = (6 * 234 + 42) * 4;
  EXPECT_FALSE(packed(kAll).streams());
  EXPECT_TRUE(packed(kAll - 1).streams());
  EXPECT_TRUE(packed(3 * 234 * 4).streams());
  EXPECT_THROW(packed(3 * 234 * 4 - 1), ConfigError);
  EXPECT_TRUE(packed(2 * kAll - 1, at::kDouble).streams());
  EXPECT_FALSE(packed(2 * kAll, at::kDouble).streams());
}

}  // namespace
}  // namespace kvcompare
