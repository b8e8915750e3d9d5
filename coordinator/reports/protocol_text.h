// The protocol of a run in words.
#pragma once

#include <string>

#include "common/run/run_spec.h"

namespace kvcompare {

// "an eviction after every 8 tokens"
std::string protocol_sentence(const RunSpec& spec);

// "chunk size 8", "prefill", "generate, chunk size 8"
std::string protocol_words(const RunSpec& spec);

}  // namespace kvcompare
