#include "worker/cpu/weight_panels.h"

#include <vector>

#include <ATen/ops/empty.h>

namespace kvcompare {
namespace {

// The rows of the matrices, which are the columns of the packed matrix.
template <class Number>
std::vector<const Number*> columns_of(at::TensorList matrices) {
  std::vector<const Number*> columns;
  for (const auto& matrix : matrices)
    for (std::int64_t row = 0; row < matrix.size(0); ++row)
      columns.push_back(static_cast<const Number*>(matrix.const_data_ptr()) + row * matrix.size(1));
  return columns;
}

// n_together: rows that lie together. By tiles that stay in the first-level cache.
template <class Number>
void fill_panels(const std::vector<const Number*>& columns, std::int64_t n_in, std::int64_t n_together,
                 Number* out) {
  constexpr std::int64_t kTile = 16;
  const auto n_out = std::ssize(columns);
  for (std::int64_t first = 0; first < n_out; first += kPanelColumns) {
    const auto n_columns = std::min(kPanelColumns, n_out - first);
    for (std::int64_t begin = 0; begin < n_in; begin += kTile)
      for (std::int64_t c = 0; c < n_columns; ++c) {
        const auto* column = columns[static_cast<std::size_t>(first + c)];
        for (auto i = begin; i < std::min(begin + kTile, n_in); ++i)
          out[(i / n_together * n_columns + c) * n_together + i % n_together] = column[i];
      }
    const auto n_rows = (n_in + n_together - 1) / n_together * n_together;
    if (n_rows > n_in)
      for (std::int64_t c = 0; c < n_columns; ++c)
        out[((n_rows / n_together - 1) * n_columns + c) * n_together + n_together - 1] = {};
    out += n_rows * n_columns;
  }
}

template <class Number>
void fill_panels(at::TensorList matrices, std::int64_t n_together, const at::Tensor& packed) {
  fill_panels(columns_of<Number>(matrices), matrices.begin()->size(1), n_together,
              static_cast<Number*>(packed.mutable_data_ptr()));
}

}  // namespace

at::Tensor side_by_side(at::TensorList matrices, WeightLayout layout) {
  const auto n_in = matrices.begin()->size(1);
  std::int64_t n_out = 0;
  for (const auto& matrix : matrices) n_out += matrix.size(0);
  const std::int64_t n_together = layout == WeightLayout::kPairedPanels ? 2 : 1;
  auto packed =
      at::empty({(n_in + n_together - 1) / n_together * n_together, n_out}, matrices.begin()->options());
  if (packed.element_size() == 2) {
    fill_panels<std::uint16_t>(matrices, n_together, packed);
  } else if (packed.element_size() == 4) {
    fill_panels<std::uint32_t>(matrices, n_together, packed);
  } else {
    fill_panels<std::uint64_t>(matrices, n_together, packed);
  }
  return packed;
}

}  // namespace kvcompare
