#include "worker/checkpoint/scores_folder.h"

#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>

#include "common/errors.h"
#include "tests/support/error_of.h"
#include "tests/support/safetensors_writer.h"
#include "tests/support/temporary_folder.h"
#include "worker/checkpoint/safetensors.h"
#include "worker/checkpoint/safetensors_writer.h"

namespace kvcompare {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// sha256sum of 1, 2, 3 as little-endian 64-bit integers.
constexpr const char* kOfOneTwoThree = "e2e2033ae7e19d680599d4eb0a1359a2b48ec5baac75066c317fbf85159c54ef";

Decoder two_layers_of_three_heads() {
  LayerShape layer;
  layer.heads = {.n_heads = 6, .n_kv_heads = 3, .head_dim = 2};
  Decoder model;
  model.hidden_size = 12;
  model.layers.assign(2, layer);
  return model;
}

// Header and data of good scores for the ids 1, 2, 3.
std::pair<std::string, std::string> good_file() {
  std::string header = std::string(R"({"__metadata__":{"data_sha256":")") + kOfOneTwoThree +
                       R"(","a":"b"},"scores":{"dtype":"F32","shape":[2,3,3],"data_offsets":[0,72]}})";
  while (header.size() % 8 != 0) header += ' ';
  std::vector<float> values(18);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) / 2;
  return {header, bytes_of<float>(values)};
}

class ScoresFolderTest : public ::testing::Test {
 protected:
  void check() const {
    ScoresFolder(folder_.path(), two_layers_of_three_heads()).check(std::span(&sample_, 1), "model", 1);
  }
  std::filesystem::path file() const { return folder_.path() / sample_file_name(sample_.index); }

  TemporaryFolder folder_;
  const Sample sample_{SampleIndex(12), {1, 2, 3}};
};

TEST(SampleFileName, HasSixDigitsOrMore) {
  EXPECT_EQ(sample_file_name(SampleIndex(12)), "sample_000012.safetensors");
  EXPECT_EQ(sample_file_name(SampleIndex(1234567)), "sample_1234567.safetensors");
}

TEST(Sha256OfIds, IsThatOfLittleEndian64BitIntegers) {
  EXPECT_EQ(sha256_of_ids(std::vector<TokenId>{1, 2, 3}), kOfOneTwoThree);
}

TEST_F(ScoresFolderTest, GivesTheScoresOfASample) {
  const auto [header, data] = good_file();
  write_safetensors_bytes(file(), header, data);
  EXPECT_NO_THROW(check());
  const auto scores = ScoresFolder(folder_.path(), two_layers_of_three_heads()).of_sample(sample_.index);
  EXPECT_EQ(scores.sizes(), at::IntArrayRef({2, 3, 3}));
  EXPECT_EQ(scores[1][2][0].item<float>(), 7.5F);
}

TEST_F(ScoresFolderTest, TheWritersMetadataAreReadAgain) {
  write_safetensors(file(), {{"x", at::empty({0}, at::kFloat)}}, {{"one", "1"}, {"quote", "\"\n"}});
  const SafetensorsFile read(file());
  EXPECT_EQ(*read.metadata("one"), "1");
  EXPECT_EQ(*read.metadata("quote"), "\"\n");
  EXPECT_EQ(*read.metadata("format"), "pt");
  EXPECT_EQ(read.metadata("two"), nullptr);
}

TEST_F(ScoresFolderTest, NamesFileSampleAndWhatWasExpected) {
  EXPECT_THAT(error_of<CheckpointError>([&] { check(); }).what(),
              AllOf(HasSubstr(file().string()), HasSubstr("is missing"), HasSubstr("sample 12"),
                    HasSubstr("[2 layers, 3 KV heads, tokens]")));
}

// A file is a stranger's: whatever is changed in it, it is read or refused.
TEST_F(ScoresFolderTest, ReadsOrRefusesAFileThatWasChangedAnywhere) {
  const auto [header, data] = good_file();
  std::mt19937_64 generator(20);
  int n_refused = 0;
  for (int i = 0; i < 1000; ++i) {
    write_safetensors_bytes(file(), header, data);
    auto bytes = file_contents(file());
    const auto n_changes = 1 + generator() % 3;
    for (std::size_t c = 0; c < n_changes; ++c)
      bytes[generator() % (i % 2 == 0 ? bytes.size() : 8 + header.size())] =
          static_cast<char>(generator() % 256);
    if (i % 5 == 0) bytes.resize(generator() % bytes.size());
    std::ofstream(file(), std::ios::binary) << bytes;
    try {
      check();
    } catch (const CheckpointError& error) {
      EXPECT_THAT(error.what(), HasSubstr("sample_000012.safetensors"));
      ++n_refused;
    }
  }
  EXPECT_GT(n_refused, 300);
}

}  // namespace
}  // namespace kvcompare
