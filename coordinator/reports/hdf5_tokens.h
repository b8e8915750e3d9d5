#pragma once

#include "coordinator/comparison/comparison.h"
#include "coordinator/reports/hdf5_file.h"
#include "coordinator/reports/read_tokens.h"

namespace kvcompare {

// Writes /tokens: the ids of the samples' tokens, in data-set order, and which of them are scored. Nothing
// unless the run kept them (save_tokens).
void put_hdf5_tokens(Hdf5File& file, const Comparison& comparison, const ReadTokens& read_tokens);

}  // namespace kvcompare
