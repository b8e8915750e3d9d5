// Distinct integer types for the things that are counted, so that one cannot be passed for another.
#pragma once

#include <compare>
#include <cstdint>

namespace kvcompare {

template <class Tag>
struct Index {
  std::int64_t value = 0;
  constexpr explicit Index(std::int64_t v = 0) : value(v) {}
  friend constexpr auto operator<=>(const Index&, const Index&) = default;
};

using SampleIndex = Index<struct SampleTag>;  // 0-based position of a sample in the data set
using MethodIndex = Index<struct MethodTag>;  // 0-based position of a method in the run; 0 is the baseline
using LayerIndex = Index<struct LayerTag>;    // 0-based decoder layer
using Rank = Index<struct RankTag>;           // endpoint of a Messenger; 0 is the coordinator
inline constexpr Rank kCoordinator{0};

// One evaluation: one sample under one method.
struct UnitId {
  SampleIndex sample;
  MethodIndex method;
  friend constexpr auto operator<=>(const UnitId&, const UnitId&) = default;
};

using TokenId = std::int64_t;

}  // namespace kvcompare
