#include "worker/cpu/weight_panels.h"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>

namespace kvcompare {
namespace {

using ::testing::ElementsAre;

// A matrix [out, in] whose number is 100 times its row, plus its column.
at::Tensor numbered(std::int64_t n_out, std::int64_t n_in, at::ScalarType type, std::int64_t first = 0) {
  return (at::arange(first, first + n_out).unsqueeze(1) * 100 + at::arange(n_in)).to(type);
}

std::vector<double> numbers_of(const at::Tensor& packed) {
  const auto flat = packed.to(at::kDouble).contiguous();
  return {flat.const_data_ptr<double>(), flat.const_data_ptr<double>() + flat.numel()};
}

TEST(WeightPanels, OfOneMatrixThatIsNarrowerThanAPanelAreItsTranspose) {
  for (const auto type : {at::kFloat, at::kDouble, at::kHalf}) {
    const auto packed = side_by_side({numbered(3, 2, type)}, WeightLayout::kPanels);
    EXPECT_EQ(packed.sizes(), (std::vector<std::int64_t>{2, 3}));
    EXPECT_EQ(packed.scalar_type(), type);
    EXPECT_THAT(numbers_of(packed), ElementsAre(0, 100, 200, 1, 101, 201));
  }
}

TEST(WeightPanels, HoldPairsOfRowsTogetherAndEndWithAZero) {
  const auto packed = side_by_side({numbered(2, 3, at::kFloat)}, WeightLayout::kPairedPanels);
  EXPECT_EQ(packed.sizes(), (std::vector<std::int64_t>{4, 2}));
  EXPECT_THAT(numbers_of(packed), ElementsAre(0, 1, 100, 101, 2, 0, 102, 0));
}

// Two matrices of 50 columns: the first panel ends inside the second matrix.
TEST(WeightPanels, FollowOneAnother) {
  const std::int64_t n_in = 37;
  const auto packed = side_by_side({numbered(50, n_in, at::kFloat), numbered(50, n_in, at::kFloat, 50)},
                                   WeightLayout::kPanels);
  const auto numbers = numbers_of(packed);
  ASSERT_EQ(std::ssize(numbers), 100 * n_in);
  for (std::int64_t i = 0; i < n_in; ++i)
    for (std::int64_t c = 0; c < 100; ++c) {
      const auto at = c < 64 ? i * 64 + c : 64 * n_in + i * 36 + c - 64;
      EXPECT_EQ(numbers[static_cast<std::size_t>(at)], static_cast<double>(100 * c + i)) << i << ' ' << c;
    }
}

TEST(WeightPanels, AreVisitedBlockByBlock) {
  const std::int64_t n_in = kBlockRows + 1, n_out = kPanelColumns + 2;
  const auto packed = side_by_side({numbered(n_out, n_in, at::kDouble)}, WeightLayout::kPanels);
  std::vector<std::vector<std::int64_t>> places;
  for_each_block(packed.const_data_ptr<double>(), n_in, n_out, [&](const PanelBlock<double>& block) {
    places.push_back({block.row, block.n_rows, block.column, block.n_columns});
    EXPECT_EQ(block.numbers[0], static_cast<double>(100 * block.column + block.row));
    EXPECT_EQ(block.numbers[block.n_rows * block.n_columns - 1],
              static_cast<double>(100 * (block.column + block.n_columns - 1) + block.row + block.n_rows - 1));
  });
  EXPECT_THAT(places, ElementsAre(ElementsAre(0, kBlockRows, 0, kPanelColumns),
                                  ElementsAre(kBlockRows, 1, 0, kPanelColumns),
                                  ElementsAre(0, kBlockRows, kPanelColumns, 2),
                                  ElementsAre(kBlockRows, 1, kPanelColumns, 2)));
}

}  // namespace
}  // namespace kvcompare
