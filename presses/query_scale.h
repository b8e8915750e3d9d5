// What a query is multiplied with because of its position, beside the scale of all logits of its layer. Keys
// stay what they are.
// Source: Llama 4's temperature of attention, as transformers computes it in Ministral 3.
#pragma once

#include <cmath>
#include <cstdint>

namespace kvcompare {

struct QueryScale {
  double beta = 0;              // 0: every query stays what it is
  std::int64_t n_unscaled = 1;  // the first positions, whose queries stay what they are whatever beta is

  double at(std::int64_t position) const {
    return 1 + beta * std::log(1 + static_cast<double>(position / n_unscaled));
  }
  // Whether the scale of the first n positions is 1.
  bool is_one_before(std::int64_t n) const { return beta == 0 || n <= n_unscaled; }

  friend bool operator==(const QueryScale&, const QueryScale&) = default;
};

}  // namespace kvcompare
