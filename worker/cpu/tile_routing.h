// Which rows of a row tile go to which experts.
#pragma once

#include <cstdint>
#include <vector>

namespace kvcompare {

// A row that goes to an expert. T: float or double.
template <class T>
struct RoutedRow {
  std::int64_t row;  // of the tile, or of all that the unit's tiles make up
  T weight;          // that what the expert gives is multiplied with
};

// The rows of each expert of the layer, ascending.
template <class T>
using TileRouting = std::vector<std::vector<RoutedRow<T>>>;

}  // namespace kvcompare
