// Removes evicted keys from a list of alive keys.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace kvcompare {

// Removes the entries at `indices` (ascending) and keeps the order of the others.
template <class T>
void erase_indices(std::vector<T>& list, std::span<const std::int32_t> indices) {
  if (indices.empty()) return;
  auto kept = static_cast<std::size_t>(indices.front());
  for (std::size_t i = 0; i < indices.size(); ++i) {
    const auto begin = static_cast<std::size_t>(indices[i]) + 1;
    const auto end = i + 1 < indices.size() ? static_cast<std::size_t>(indices[i + 1]) : list.size();
    std::move(list.begin() + static_cast<std::ptrdiff_t>(begin),
              list.begin() + static_cast<std::ptrdiff_t>(end),
              list.begin() + static_cast<std::ptrdiff_t>(kept));
    kept += end - begin;
  }
  list.resize(kept);
}

}  // namespace kvcompare
