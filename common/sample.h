// One line of the data set, tokenised.
#pragma once

#include <vector>

#include "common/ids.h"

namespace kvcompare {

struct Sample {
  SampleIndex index;         // 0-based, blank lines not counted
  std::vector<TokenId> ids;  // at most max_length
};

}  // namespace kvcompare
