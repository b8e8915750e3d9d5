#include "worker/gpu/gpu_weights.h"

#include <algorithm>
#include <barrier>
#include <cmath>
#include <exception>
#include <functional>
#include <limits>
#include <memory>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>

#include "tests/support/small_checkpoint.h"
#include "tests/support/tiny_model.h"
#include "worker/checkpoint/model_config.h"
#include "worker/gpu/memory_plan.h"
#include "worker/model/weight_table.h"

namespace kvcompare {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// ---- what the weights must be

void expect_same(const at::Tensor& actual, const at::Tensor& expected, const std::string& name) {
  ASSERT_EQ(actual.defined(), expected.defined()) << name;
  if (!actual.defined()) return;
  ASSERT_EQ(actual.sizes(), expected.sizes()) << name;
  ASSERT_EQ(actual.scalar_type(), expected.scalar_type()) << name;
  ASSERT_TRUE(actual.is_contiguous()) << name;
  ASSERT_EQ(reinterpret_cast<std::uintptr_t>(actual.const_data_ptr()) % 16, 0U) << name;
  ASSERT_TRUE(at::equal(actual, expected)) << name;
}

at::Tensor stacked(const std::vector<at::Tensor>& parts) {
  return parts.front().defined() ? at::cat(parts) : at::Tensor();
}

void expect_layer(const FusedLayer& layer, const LayerWeights& w) {
  expect_same(layer.input_norm, w.input_norm, "input_norm");
  expect_same(layer.qkv, stacked({w.q, w.k, w.v}), "qkv");
  expect_same(layer.qkv_bias, stacked({w.q_bias, w.k_bias, w.v_bias}), "qkv_bias");
  expect_same(layer.q_norm, w.q_norm, "q_norm");
  expect_same(layer.k_norm, w.k_norm, "k_norm");
  expect_same(layer.o, w.o, "o");
  expect_same(layer.o_bias, w.o_bias, "o_bias");
  expect_same(layer.mlp_input_norm, w.mlp_input_norm, "mlp_input_norm");
  expect_same(layer.gate_up, stacked({w.gate, w.up}), "gate_up");
  expect_same(layer.gate_up_bias, stacked({w.gate_bias, w.up_bias}), "gate_up_bias");
  expect_same(layer.down, w.down, "down");
  expect_same(layer.down_bias, w.down_bias, "down_bias");
}

void expect_layer_of(GpuWeights& weights, std::int64_t index, const ModelWeights& expected) {
  SCOPED_TRACE("layer " + std::to_string(index));
  expect_layer(weights.layer(index, {}), expected.layers[static_cast<std::size_t>(index)]);
  weights.done_with(index, {});
}

void expect_weights(GpuWeights& weights, const ModelWeights& expected) {
  expect_same(weights.embedding(), expected.embedding, "embedding");
  expect_same(weights.final_norm(), expected.final_norm, "final_norm");
  expect_same(weights.lm_head(), expected.lm_head, "lm_head");
  for (std::int64_t l = 0; l < std::ssize(expected.layers); ++l) expect_layer_of(weights, l, expected);
}

GpuWeightsOptions streamed(const Decoder& decoder, at::ScalarType dtype) {
  return {.max_bytes = n_streamed_numbers(decoder) * static_cast<std::int64_t>(c10::elementSize(dtype))};
}

// ---- every kind of model

class GpuWeightsOf : public ::testing::TestWithParam<TinyModelPreset> {
 protected:
  GpuWeightsOf() {
    auto spec = GetParam().spec;
    spec.layers = 5;
    write_tiny_model(folder_.path(), spec);
    decoder_ = read_model_config(folder_.path() / "config.json").decoder;
  }
  GpuWeights load(at::ScalarType dtype, const GpuWeightsOptions& options = {}) const {
    return {folder_.path(), decoder_, dtype, at::kCPU, options};
  }
  ModelWeights expected(at::ScalarType dtype) const {
    return load_weights(folder_.path(), decoder_, dtype, at::kCPU);
  }

  TemporaryFolder folder_;
  Decoder decoder_;
};

constexpr at::ScalarType kTypes[] = {at::kFloat, at::kBFloat16, at::kHalf};

TEST_P(GpuWeightsOf, AreThoseOfTheFile) {
  for (const auto dtype : kTypes) {
    auto weights = load(dtype);
    EXPECT_FALSE(weights.is_streamed());
    EXPECT_EQ(weights.options().dtype(), dtype);
    expect_weights(weights, expected(dtype));
    EXPECT_EQ(weights.lm_head().const_data_ptr() == weights.embedding().const_data_ptr(),
              decoder_.has_tied_head);
  }
}

// Of slices so small that tensors are cut in the middle of their rows.
TEST_P(GpuWeightsOf, AreTheSameInSlicesOfAnySize) {
  const auto wanted = expected(at::kBFloat16);
  const auto hash = load(at::kBFloat16).hash();
  for (const std::int64_t slice_bytes : {8, 100, 4096}) {
    auto weights = load(at::kBFloat16, {.slice_bytes = slice_bytes});
    expect_weights(weights, wanted);
    EXPECT_EQ(weights.hash(), hash);
  }
}

TEST_P(GpuWeightsOf, AreTheSameStreamedInAnyOrderOfPasses) {
  for (const auto dtype : kTypes) {
    const auto wanted = expected(dtype);
    auto options = streamed(decoder_, dtype);
    options.slice_bytes = 1000;
    auto weights = load(dtype, options);
    ASSERT_TRUE(weights.is_streamed());
    EXPECT_EQ(weights.hash(), load(dtype).hash());
    for (int pass = 0; pass < 2; ++pass) expect_weights(weights, wanted);
    for (const std::int64_t l : {4, 3, 2, 1, 0, 0, 3, 1, 4, 4, 0, 2}) expect_layer_of(weights, l, wanted);
  }
}

TEST_P(GpuWeightsOf, HaveAsManyNumbersAsTheTableSays) {
  auto weights = load(at::kFloat);
  auto n = weights.embedding().numel() + weights.final_norm().numel();
  if (!decoder_.has_tied_head) n += weights.lm_head().numel();
  EXPECT_EQ(n_numbers_outside_layers(decoder_), n);
  for (std::int64_t l = 0; l < 5; ++l) {
    const auto& layer = weights.layer(l, {});
    std::int64_t n_of_layer = 0;
    for (const auto* tensor : {&layer.input_norm, &layer.qkv, &layer.qkv_bias, &layer.q_norm, &layer.k_norm,
                               &layer.o, &layer.o_bias, &layer.mlp_input_norm, &layer.gate_up,
                               &layer.gate_up_bias, &layer.down, &layer.down_bias})
      if (tensor->defined()) n_of_layer += tensor->numel();
    weights.done_with(l, {});
    EXPECT_EQ(n_layer_numbers(decoder_, l), n_of_layer);
    n += n_of_layer;
  }
  EXPECT_EQ(n_decoder_numbers(decoder_), n);
  EXPECT_EQ(n_streamed_numbers(decoder_), n - 3 * n_numbers_of_largest_layer(decoder_));
}

INSTANTIATE_TEST_SUITE_P(Models, GpuWeightsOf, ::testing::ValuesIn(tiny_model_presets()),
                         [](const auto& model) { return std::string(model.param.name); });

// ---- what is refused

class GpuWeightsSmall : public WeightsTest {
 protected:
  GpuWeights load(const GpuWeightsOptions& options = {}, at::ScalarType dtype = at::kFloat) const {
    return {folder_.path(), decoder(), dtype, at::kCPU, options};
  }
  // Layers beyond the second are like it.
  std::vector<TensorToWrite> tensors_of_layers(std::int64_t n_layers) {
    config_.n_layers = n_layers;
    auto tensors = small_tensors();
    const std::string second = "model.layers.1.";
    for (const auto& [name, shape] : small_shapes())
      for (std::int64_t l = 2; name.starts_with(second) && l < n_layers; ++l)
        tensors.push_back(
            float_tensor("model.layers." + std::to_string(l) + '.' + name.substr(second.size()), shape));
    return tensors;
  }
  void expect_refusal(const std::string& name, const std::string& text,
                      at::ScalarType dtype = at::kFloat) const {
    for (const auto& options : {GpuWeightsOptions{}, GpuWeightsOptions{.slice_bytes = 64}}) {
      const auto error = error_of<CheckpointError>([&] { load(options, dtype); });
      EXPECT_EQ(error.item, name);
      EXPECT_EQ(error.file, file().string());
      EXPECT_THAT(error.what(), HasSubstr(text));
    }
  }
};

TEST_F(GpuWeightsSmall, WithANaNOrInfinityAreRefusedNamingTheTensor) {
  for (const auto& [name, shape] : small_shapes())
    for (const float bad :
         {std::nanf(""), std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()}) {
      auto damaged = small_tensors();
      set_value(tensor_named(damaged, name), 5, bad);
      write(damaged);
      expect_refusal(name, "element 5 ");
    }
}

TEST_F(GpuWeightsSmall, StreamedWithANaNAreRefused) {
  auto damaged = tensors_of_layers(3);
  set_value(tensor_named(damaged, "model.layers.1.mlp.up_proj.weight"), 29, std::nanf(""));
  write(damaged);
  const auto error = error_of<CheckpointError>([&] { load(streamed(decoder(), at::kFloat)); });
  EXPECT_EQ(error.item, "model.layers.1.mlp.up_proj.weight");
  EXPECT_THAT(error.what(), HasSubstr("element 29 "));
}

TEST_F(GpuWeightsSmall, ThatOverflowInTheDtypeOfTheComputationAreRefused) {
  auto large = small_tensors();
  set_value(tensor_named(large, "model.norm.weight"), 3, 1e6f);
  write(large);
  EXPECT_NO_THROW(load({}, at::kBFloat16));
  expect_refusal("model.norm.weight", "holds a NaN or infinity as Half (element 3 ", at::kHalf);
}

TEST_F(GpuWeightsSmall, OfAFileThatWasCutAfterItsHeaderWasReadAreRefused) {
  write(small_tensors());
  const auto files = open_checkpoint(folder_.path(), decoder());
  std::filesystem::resize_file(file(), std::filesystem::file_size(file()) - 1);
  WeightLoader loader(files, at::kCPU, nullptr);
  const auto target = at::empty({6}, at::kFloat);
  EXPECT_THAT(error_of<CheckpointError>([&] { loader.load("model.norm.weight", target); }).what(),
              HasSubstr("ends at byte"));
}

// 234 numbers a layer, 42 for each of the tables, 6 for the norm.
TEST_F(GpuWeightsSmall, SayHowMuchMemoryIsNeeded) {
  write(tensors_of_layers(4));
  constexpr std::int64_t kLayer = 234 + 2 * 6, kRest = 2 * 42 + 6;
  constexpr std::int64_t kAll = (4 * kLayer + kRest) * 4, kStreamed = (2 * kLayer + kRest) * 4;
  EXPECT_FALSE(load({.max_bytes = kAll}).is_streamed());
  EXPECT_TRUE(load({.max_bytes = kAll - 1}).is_streamed());
  EXPECT_TRUE(load({.max_bytes = kStreamed}).is_streamed());
  EXPECT_FALSE(load({.max_bytes = kAll / 2}, at::kBFloat16).is_streamed());
  const auto error = error_of<ConfigError>([&] { load({.max_bytes = kStreamed - 1}); });
  EXPECT_EQ(error.key, "max_weight_memory");
  EXPECT_THAT(error.problem, AllOf(HasSubstr("is too little"), HasSubstr("--max_weight_memory 2328)"),
                                   HasSubstr("all of it 4.2KiB")));
}

TEST_F(GpuWeightsSmall, StreamedAreAskedForOneLayerAtATime) {
  write(tensors_of_layers(4));
  const auto stream = new_stream(at::kCPU);
  {
    auto weights = load(streamed(decoder(), at::kFloat));
    weights.layer(0, {&stream, 1});
    EXPECT_THROW(weights.layer(0, {&stream, 1}), InvariantError);
  }
  {
    auto weights = load(streamed(decoder(), at::kFloat));
    weights.layer(2, {&stream, 1});
    EXPECT_THROW(weights.layer(3, {&stream, 1}), InvariantError);
  }
  auto weights = load(streamed(decoder(), at::kFloat));
  EXPECT_THROW(weights.done_with(0, {}), InvariantError);
  weights.layer(1, {&stream, 1});
  weights.done_with(1, {&stream, 1});
  EXPECT_THROW(weights.done_with(1, {}), InvariantError);
}

// ---- the hash

TEST_F(GpuWeightsSmall, HaveAHashOfTheirValuesAlone) {
  write(small_tensors());
  const auto hash = load().hash();
  EXPECT_EQ(hash.size(), 64U);
  auto reordered = small_tensors();
  std::ranges::reverse(reordered);
  write(reordered);
  EXPECT_EQ(load().hash(), hash);
  EXPECT_NE(load({}, at::kBFloat16).hash(), hash);
  for (const auto& [name, shape] : small_shapes()) {
    auto changed = small_tensors();
    set_value(tensor_named(changed, name), 2, std::nextafterf(value_at(name, 2), 100));
    write(changed);
    EXPECT_NE(load().hash(), hash) << name;
  }
}

// Stored as wide as it is computed, or narrower and converted: the same numbers have the same hash.
TEST_F(GpuWeightsSmall, HaveTheSameHashHoweverTheyAreStored) {
  write(small_tensors());
  const auto hash = load().hash();
  auto wide = small_tensors();
  for (auto& tensor : wide) {
    std::vector<double> values;
    for (std::size_t i = 0; i < tensor.bytes.size() / 4; ++i)
      values.push_back(value_at(tensor.name, static_cast<std::int64_t>(i)));
    tensor.dtype = "F64";
    tensor.bytes = bytes_of<double>(values);
  }
  write(wide);
  EXPECT_EQ(load().hash(), hash);
}

// ---- ranks that share the reading, here threads

// What one rank gives is copied to the others, who wait for it. A rank that fails ends the others' waiting.
class Room {
 public:
  Room(int n_ranks, std::vector<int> readers) : readers_(std::move(readers)), meeting_(n_ranks) {}

  class Member : public WeightBroadcast {
   public:
    Member(Room& room, int rank) : room_(room), rank_(rank) {}
    int rank() const override { return rank_; }
    std::span<const int> readers() const override { return room_.readers_; }
    void broadcast(void* memory, std::int64_t n_bytes, int root, const c10::Stream&) override {
      if (rank_ == root) room_.given_ = {static_cast<const char*>(memory), static_cast<std::size_t>(n_bytes)};
      room_.meeting_.arrive_and_wait();
      ASSERT_EQ(std::ssize(room_.given_), n_bytes);
      if (rank_ != root) std::ranges::copy(room_.given_, static_cast<char*>(memory));
      if (on_arrival) on_arrival(static_cast<char*>(memory));
      ++n_broadcasts;
      n_given += rank_ == root;
      room_.meeting_.arrive_and_wait();
    }
    void wait_until(const std::function<bool()>& is_done) override { EXPECT_TRUE(is_done()); }

    std::function<void(char*)> on_arrival;
    int n_broadcasts = 0, n_given = 0;

   private:
    Room& room_;
    int rank_;
  };

 private:
  std::vector<int> readers_;
  std::barrier<> meeting_;
  std::span<const char> given_;
};

// Three ranks, of which the first and the last read.
class GpuWeightsOfRanks : public GpuWeightsSmall {
 protected:
  static constexpr int kRanks = 3;

  GpuWeightsOfRanks() {
    write(tensors_);
    for (int r = 0; r < kRanks; ++r) {
      members_.push_back(std::make_unique<Room::Member>(room_, r));
      folders_.push_back(folder_.path());
    }
  }

  // What each rank has, or the exception that it ended with.
  struct Outcome {
    std::unique_ptr<GpuWeights> weights;
    std::exception_ptr error;
  };
  std::vector<Outcome> outcomes_of(const GpuWeightsOptions& options, at::ScalarType dtype = at::kFloat) {
    std::vector<Outcome> outcomes(kRanks);
    std::vector<std::jthread> ranks;
    for (std::size_t r = 0; r < kRanks; ++r)
      ranks.emplace_back([&, r] {
        try {
          auto mine = options;
          mine.broadcast = members_[r].get();
          outcomes[r].weights = std::make_unique<GpuWeights>(folders_[r], decoder(), dtype, at::kCPU, mine);
        } catch (...) {
          outcomes[r].error = std::current_exception();
        }
      });
    ranks.clear();
    return outcomes;
  }
  // Throws if one has failed.
  std::vector<std::unique_ptr<GpuWeights>> load_together(const GpuWeightsOptions& options,
                                                         at::ScalarType dtype = at::kFloat) {
    std::vector<std::unique_ptr<GpuWeights>> all;
    for (auto& [weights, error] : outcomes_of(options, dtype)) {
      if (error) std::rethrow_exception(error);
      all.push_back(std::move(weights));
    }
    return all;
  }

  // A folder with a checkpoint of the same header, all of whose numbers are 0.
  std::filesystem::path folder_of_zeros() const {
    const auto folder = folder_.path() / "zeros";
    std::filesystem::create_directory(folder);
    auto zeros = tensors_;
    for (auto& tensor : zeros) tensor.bytes.assign(tensor.bytes.size(), '\0');
    write_safetensors(folder / "model.safetensors", zeros);
    return folder;
  }

  std::vector<TensorToWrite> tensors_ = tensors_of_layers(4);
  Room room_{kRanks, {0, 2}};
  std::vector<std::unique_ptr<Room::Member>> members_;
  std::vector<std::filesystem::path> folders_;  // that each reads
};

const GpuWeightsOptions kSmallSlices{.slice_bytes = 64};

TEST_F(GpuWeightsOfRanks, AreThoseOfARankThatIsAlone) {
  for (const auto dtype : {at::kFloat, at::kBFloat16}) {
    const auto alone = load({}, dtype);
    const auto wanted = load_weights(folder_.path(), decoder(), dtype, at::kCPU);
    auto few_bytes = streamed(decoder(), dtype);
    few_bytes.slice_bytes = 40;
    for (const auto& options : {GpuWeightsOptions{}, kSmallSlices, few_bytes})
      for (const auto& weights : load_together(options, dtype)) {
        EXPECT_EQ(weights->is_streamed(), options.max_bytes.has_value());
        EXPECT_EQ(weights->hash(), alone.hash());
        expect_weights(*weights, wanted);
      }
  }
}

TEST_F(GpuWeightsOfRanks, AreReadByReadersAlone) {
  folders_[1] = folder_of_zeros();
  const auto hash = load().hash();
  for (const auto& weights : load_together(kSmallSlices)) EXPECT_EQ(weights->hash(), hash);
}

// One slice after the other by another reader, so that each reads half.
TEST_F(GpuWeightsOfRanks, AreReadInTurn) {
  folders_[2] = folder_of_zeros();
  const auto all = load_together(kSmallSlices);
  EXPECT_EQ(members_[1]->n_given, 0);
  EXPECT_EQ(members_[0]->n_given, (members_[0]->n_broadcasts + 1) / 2);
  EXPECT_EQ(members_[2]->n_given, members_[0]->n_broadcasts / 2);
  const auto& embedding = all[1]->embedding();  // 42 numbers, 16 a slice
  for (std::int64_t i = 0; i < 42; ++i)
    EXPECT_EQ(embedding.const_data_ptr<float>()[i],
              i / 16 % 2 == 0 ? value_at("model.embed_tokens.weight", i) : 0)
        << i;
  for (const auto& weights : all) EXPECT_EQ(weights->hash(), all[0]->hash());
}

TEST_F(GpuWeightsOfRanks, DifferInTheirHashByOneBitThatArrivedWrong) {
  for (const int flipped : {0, 7, 20}) {
    members_[1]->n_broadcasts = 0;
    members_[1]->on_arrival = [&](char* memory) {
      if (members_[1]->n_broadcasts == flipped) memory[1] ^= 1;
    };
    const auto all = load_together(kSmallSlices);
    EXPECT_EQ(all[0]->hash(), all[2]->hash());
    EXPECT_NE(all[1]->hash(), all[0]->hash());
  }
}

TEST_F(GpuWeightsOfRanks, WithANaNInTheFileAreRefusedByAll) {
  auto damaged = tensors_;
  set_value(tensor_named(damaged, "model.layers.3.self_attn.o_proj.weight"), 17, std::nanf(""));
  write(damaged);
  for (const auto& [weights, error] : outcomes_of(kSmallSlices)) {
    ASSERT_TRUE(error);
    const auto told = error_of<CheckpointError>([&] { std::rethrow_exception(error); });
    EXPECT_EQ(told.item, "model.layers.3.self_attn.o_proj.weight");
    EXPECT_THAT(told.what(), HasSubstr("element 17 "));
  }
}

// Exponents of ones that the file does not have.
TEST_F(GpuWeightsOfRanks, WithANaNThatIsNotInTheFileAreRefusedWhereItIs) {
  members_[1]->on_arrival = [&](char* memory) {
    if (members_[1]->n_broadcasts == 4) std::fill_n(memory, 4, '\xff');
  };
  const auto outcomes = outcomes_of(kSmallSlices);
  EXPECT_TRUE(outcomes[0].weights && outcomes[2].weights);
  ASSERT_TRUE(outcomes[1].error);
  EXPECT_THAT(error_of<CheckpointError>([&] { std::rethrow_exception(outcomes[1].error); }).what(),
              HasSubstr("but not in the file"));
}

}  // namespace
}  // namespace kvcompare
