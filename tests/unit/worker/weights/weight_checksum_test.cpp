#include "worker/weights/weight_checksum.h"

#include <cstring>
#include <utility>

#include <gtest/gtest.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>

namespace kvcompare {
namespace {

using Sums = std::pair<std::uint64_t, std::uint64_t>;

Sums checksum(const at::Tensor& tensor) {
  const auto sums = weight_checksum(tensor);
  EXPECT_EQ(sums.sizes(), (std::vector<std::int64_t>{2}));
  const auto* values = sums.const_data_ptr<std::int64_t>();
  return {static_cast<std::uint64_t>(values[0]), static_cast<std::uint64_t>(values[1])};
}

// The definition, number by number.
template <class Integer>
Sums naive(const at::Tensor& tensor) {
  Sums sums{0, 0};
  const auto* bytes = static_cast<const char*>(tensor.const_data_ptr());
  for (std::int64_t i = 0; i < tensor.numel(); ++i) {
    Integer bits;
    std::memcpy(&bits, bytes + static_cast<std::size_t>(i) * sizeof bits, sizeof bits);
    const auto x = static_cast<std::uint64_t>(static_cast<std::int64_t>(bits));
    sums.first += x;
    sums.second += x * static_cast<std::uint64_t>(i + 1);
  }
  return sums;
}

Sums naive_of(const at::Tensor& tensor) {
  return tensor.element_size() == 2   ? naive<std::int16_t>(tensor)
         : tensor.element_size() == 4 ? naive<std::int32_t>(tensor)
                                      : naive<std::int64_t>(tensor);
}

// Any bits, NaNs among them.
at::Tensor any_bits(std::vector<std::int64_t> shape, at::ScalarType type) {
  const auto tensor = at::empty(shape, at::TensorOptions().dtype(type));
  auto* bytes = static_cast<unsigned char*>(tensor.mutable_data_ptr());
  std::uint64_t state = 1;
  for (std::size_t i = 0; i < tensor.nbytes(); ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    bytes[i] = static_cast<unsigned char>(state >> 56);
  }
  return tensor;
}

TEST(WeightChecksum, IsTheSumsOfItsDefinition) {
  for (const auto type : {at::kBFloat16, at::kHalf, at::kFloat, at::kDouble})
    for (const auto& shape :
         {std::vector<std::int64_t>{1}, {7}, {5, 13}, {2049, 2051}})  // the last: two blocks
      EXPECT_EQ(checksum(any_bits(shape, type)), naive_of(any_bits(shape, type))) << type << shape;
}

TEST(WeightChecksum, TellsEveryFlippedBit) {
  for (const auto type : {at::kBFloat16, at::kFloat, at::kDouble}) {
    const auto tensor = any_bits({3, 5}, type);
    const auto before = checksum(tensor);
    auto* bytes = static_cast<unsigned char*>(tensor.mutable_data_ptr());
    for (std::size_t bit = 0; bit < 8 * tensor.nbytes(); ++bit) {
      bytes[bit / 8] ^= static_cast<unsigned char>(1u << bit % 8);
      EXPECT_NE(checksum(tensor).first, before.first) << type << bit;
      bytes[bit / 8] ^= static_cast<unsigned char>(1u << bit % 8);
    }
  }
}

TEST(WeightChecksum, TellsRowsInAnotherOrder) {
  const auto tensor = any_bits({4, 6}, at::kBFloat16);
  const auto swapped = tensor.clone();
  swapped.select(0, 1).copy_(tensor.select(0, 2));
  swapped.select(0, 2).copy_(tensor.select(0, 1));
  EXPECT_EQ(checksum(swapped).first, checksum(tensor).first);
  EXPECT_NE(checksum(swapped).second, checksum(tensor).second);
}

}  // namespace
}  // namespace kvcompare
