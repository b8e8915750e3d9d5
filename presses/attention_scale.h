// The scale of a layer's logits: query q and key k have the logit q k / sqrt(scalar).
#pragma once

#include <cmath>

#include "common/errors.h"

namespace kvcompare {

struct AttentionScale {
  // d_head in most models. Gemma's config.json calls the number query_pre_attn_scalar.
  double scalar = 0;

  // What a logit is divided by. Whoever multiplies instead takes factor(): the two round differently, so each
  // place that computes logits keeps to one of them.
  double divisor() const {
    require(scalar > 0, "the scale of attention is known");
    return std::sqrt(scalar);
  }
  double factor() const { return 1 / divisor(); }

  friend bool operator==(const AttentionScale&, const AttentionScale&) = default;
};

}  // namespace kvcompare
