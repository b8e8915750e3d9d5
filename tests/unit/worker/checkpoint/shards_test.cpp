#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/small_checkpoint.h"
#include "worker/checkpoint/weights.h"

namespace kvcompare {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using json = nlohmann::json;

class Shards : public WeightsTest {
 protected:
  // The tensors up to and including model.layers.0.* in a.safetensors, the others in b.safetensors.
  Shards() {
    for (const TensorToWrite& tensor : small_tensors()) {
      const bool first = tensor.name < "model.layers.1";
      (first ? a_ : b_).push_back(tensor);
      index_["weight_map"][tensor.name] = first ? "a.safetensors" : "b.safetensors";
    }
  }
  void write_shards() const {
    write_safetensors(folder_.path() / "a.safetensors", a_);
    write_safetensors(folder_.path() / "b.safetensors", b_);
    folder_.write("model.safetensors.index.json", index_.dump());
  }
  CheckpointError shard_error() const {
    write_shards();
    return error();
  }

  std::vector<TensorToWrite> a_, b_;
  json index_{{"metadata", {{"total_size", 1}}}};
};

TEST_F(Shards, HoldTheSameWeightsAsOneFile) {
  write_shards();
  const ModelWeights weights = load();
  expect_tensor(weights.lm_head, "lm_head.weight", {7, 6});
  expect_tensor(weights.layers[0].down, "model.layers.0.mlp.down_proj.weight", {6, 5});
  expect_tensor(weights.layers[1].down, "model.layers.1.mlp.down_proj.weight", {6, 5});
  EXPECT_FALSE(a_.empty() || b_.empty());
}

TEST_F(Shards, NameAShardThatIsNotThere) {
  write_shards();
  std::filesystem::remove(folder_.path() / "b.safetensors");
  EXPECT_THAT(error().what(), AllOf(HasSubstr("b.safetensors"), HasSubstr("not there")));
}

TEST_F(Shards, NameATensorThatIsListedButAbsent) {
  drop(b_, "model.norm.weight");
  EXPECT_EQ(shard_error().item, "model.norm.weight");
  EXPECT_THAT(error().file, HasSubstr("b.safetensors"));
}

TEST_F(Shards, NameATensorThatIsListedInAnotherShard) {
  index_["weight_map"]["model.norm.weight"] = "a.safetensors";
  EXPECT_EQ(shard_error().item, "model.norm.weight");
}

TEST_F(Shards, NameATensorThatIsInTwoShards) {
  a_.push_back(float_tensor("model.norm.weight", {6}));
  EXPECT_EQ(shard_error().item, "model.norm.weight");
  EXPECT_THAT(error().what(), HasSubstr("also in b.safetensors"));
}

TEST_F(Shards, NameATensorThatIsNotListed) {
  b_.push_back(float_tensor("model.extra.weight", {6}));
  EXPECT_EQ(shard_error().item, "model.extra.weight");
  b_.pop_back();
  index_["weight_map"].erase("model.norm.weight");
  EXPECT_EQ(shard_error().item, "model.norm.weight");
}

TEST_F(Shards, RefuseAnIndexThatLeavesItsFolder) {
  for (const char* shard :
       {"../a.safetensors", "/etc/a.safetensors", "sub/a.safetensors", "..", "", "a.bin"}) {
    index_["weight_map"]["lm_head.weight"] = shard;
    EXPECT_EQ(shard_error().item, "weight_map.lm_head.weight") << shard;
  }
}

TEST_F(Shards, RefuseAnIndexThatIsNone) {
  for (const char* text :
       {"", "[]", "{}", R"({"weight_map":{}})", R"({"weight_map":[]})", R"({"weight_map":{"a":1}})"}) {
    folder_.write("model.safetensors.index.json", text);
    EXPECT_THAT(error().file, HasSubstr("model.safetensors.index.json")) << text;
  }
}

TEST_F(Shards, AreRefusedBesideASingleFile) {
  write_shards();
  write(small_tensors());
  EXPECT_THAT(error().what(), HasSubstr("holds both"));
}

TEST_F(Shards, NameTheFileThatIsDamaged) {
  write_shards();
  folder_.write("b.safetensors", "cut");
  EXPECT_THAT(error().file, HasSubstr("b.safetensors"));
}

}  // namespace
}  // namespace kvcompare
