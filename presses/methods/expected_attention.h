// The attention that future queries are expected to give, from mean and covariance of the queries seen so
// far. Definition: docs/semantics.md, section 3. Source: arXiv 2510.00636, scores kept in the log domain.
#pragma once

#include "presses/registry.h"

namespace kvcompare {

MethodDescription expected_attention_method();

}  // namespace kvcompare
