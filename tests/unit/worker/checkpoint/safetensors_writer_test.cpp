#include "worker/checkpoint/safetensors_writer.h"

#include <string>

#include <gtest/gtest.h>

#include <ATen/ops/tensor.h>

#include "tests/support/temporary_folder.h"
#include "worker/checkpoint/safetensors.h"

namespace kvcompare {
namespace {

using namespace std::string_literals;

// By hand from the format's description: length of the header, header padded with spaces, numbers.
TEST(SafetensorsWriter, WritesTheFormatToTheByte) {
  const NamedTensors tensors{{"a", at::tensor({1.0F, -2.0F}).view({2, 1})},
                             {"b.weight", at::tensor({1.0}).to(at::kBFloat16)}};
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},)"
      R"("b.weight":{"dtype":"BF16","shape":[1],"data_offsets":[8,10]}})";
  const std::string padding(7 - (header.size() + 7) % 8, ' ');
  const auto bytes = safetensors_bytes(tensors);
  EXPECT_EQ(bytes.substr(8), header + padding + "\0\0\x80\x3f\0\0\0\xc0"s + "\x80\x3f"s);
  EXPECT_EQ(bytes.substr(0, 8),
            std::string(1, static_cast<char>(header.size() + padding.size())) + std::string(7, '\0'));
}

TEST(SafetensorsWriter, IsReadBack) {
  const TemporaryFolder folder;
  const auto matrix = at::tensor({1.0, 2.0, 3.0, 4.0, 5.0, 6.0}, at::kDouble).view({3, 2});
  write_safetensors(folder.path() / "file", {{"transposed", matrix.t()}, {"half", matrix.to(at::kHalf)}});
  const SafetensorsFile file(folder.path() / "file");
  EXPECT_TRUE(file.tensor("transposed").equal(matrix.t()));
  EXPECT_TRUE(file.tensor("half").equal(matrix.to(at::kHalf)));
}

}  // namespace
}  // namespace kvcompare
