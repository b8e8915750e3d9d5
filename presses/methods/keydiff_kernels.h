// The inner loop of keydiff, by Google Highway (the best instruction set of the machine is chosen at run
// time).
#pragma once

#include <cstddef>
#include <span>

namespace kvcompare {

// x + this - this is x rounded to 40 binary places, if x is at most 2 in size.
inline constexpr double kFortyPlaces = 6144;

// Rows of directions are held in tiles of so many keys: a tile is [d_head, kDirectionsInTile].
inline constexpr std::size_t kDirectionsInTile = 16;

// products[i] = minus the dot product of direction i and x, rounded to 40 binary places.
//   tiles    : [n_tiles, d_head, kDirectionsInTile]
//   x        : [d_head]
//   products : [n_tiles * kDirectionsInTile], written
void minus_dot_products(std::span<const double> tiles, std::span<const double> x, std::span<double> products);

}  // namespace kvcompare
