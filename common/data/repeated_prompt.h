// A prompt in which a context is followed by a request to repeat it and by the repetition. KVzip's scores are
// computed from it.
#pragma once

#include <cstdint>
#include <vector>

#include "common/ids.h"

namespace kvcompare {

struct RepeatedPrompt {
  SampleIndex sample;                   // the sample that the context comes from
  std::vector<TokenId> ids;             // context, request, and the context again without its begin token
  std::int64_t n_context = 0;           // ids [0, n_context) are the context
  std::int64_t repeat_begin = 0;        // ids [repeat_begin, end) are the repetition
  std::vector<std::int64_t> positions;  // positions of the context that are wanted, ascending
};

}  // namespace kvcompare
