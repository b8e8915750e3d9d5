// How a weight matrix lies in memory for the products of the CPU engine. A *panel* holds kPanelColumns
// columns of the matrix, row after row, so that a product reads it from its beginning to its end. The last
// panel has the columns that remain.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include <ATen/core/Tensor.h>

namespace kvcompare {

enum class WeightLayout {
  kPanels,        // panel after panel; a panel is [in, its columns]
  kPairedPanels,  // the same, but two rows lie together: a panel is [ceil(in / 2), its columns, 2]
};

inline constexpr std::int64_t kPanelColumns = 64;

// Matrices [out, in] each of one type, their columns side by side.
//   returns: sizes [in, sum of out], numbers in the order of the layout. In kPairedPanels `in` is rounded up
//   to
//            an even number, and the row that is added is 0.
at::Tensor side_by_side(at::TensorList matrices, WeightLayout layout);

// Rows of a panel that one pass of a product takes: they stay in the second-level cache of a core.
inline constexpr std::int64_t kBlockRows = 512;

// A block: some rows of one panel.
template <class Number>
struct PanelBlock {
  const Number* numbers;  // [n_rows, n_columns]
  std::int64_t row, n_rows;
  std::int64_t column, n_columns;
  const Number* end;  // of the matrix

  // What follows in the matrix, as far as the largest block would reach.
  std::span<const Number> next() const {
    const auto* begin = numbers + n_rows * n_columns;
    return {begin, static_cast<std::size_t>(std::min<std::int64_t>(kBlockRows * kPanelColumns, end - begin))};
  }
};

// f(block) for the blocks of a matrix in panels: panel after panel, and the blocks of a panel from the first
// row on.
template <class Number, class F>
void for_each_block(const Number* panels, std::int64_t n_in, std::int64_t n_out, F f) {
  for (std::int64_t column = 0; column < n_out; column += kPanelColumns) {
    const auto n_columns = std::min(kPanelColumns, n_out - column);
    const auto* panel = panels + column * n_in;
    for (std::int64_t row = 0; row < n_in; row += kBlockRows)
      f(PanelBlock<Number>{panel + row * n_columns, row, std::min(kBlockRows, n_in - row), column, n_columns,
                           panels + n_in * n_out});
  }
}

}  // namespace kvcompare
