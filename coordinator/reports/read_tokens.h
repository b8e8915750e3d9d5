#pragma once

#include <functional>
#include <optional>

#include "coordinator/journal/journal_record.h"

namespace kvcompare {

// Returns the tokens of a sample; absent if the run did not keep them (save_tokens).
using ReadTokens = std::function<std::optional<SampleTokens>(SampleIndex)>;

}  // namespace kvcompare
