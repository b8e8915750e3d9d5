// A context, and the same context told once more: what KVzip looks at.
#pragma once

#include <cstdint>
#include <vector>

#include "common/ids.h"

namespace kvcompare {

struct RepeatedPrompt {
  SampleIndex sample;                   // of the data set
  std::vector<TokenId> ids;             // context, request to repeat it, the context without its begin token
  std::int64_t n_context = 0;           // ids [0, n_context) are the context
  std::int64_t repeat_begin = 0;        // ids [repeat_begin, end) are its repetition
  std::vector<std::int64_t> positions;  // of the context, ascending: those that are wanted
};

}  // namespace kvcompare
