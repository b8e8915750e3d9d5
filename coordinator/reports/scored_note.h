// Marks in reports that NLL and perplexity are over the tokens that the data names, not over whole samples.
#pragma once

#include <string>

#include "coordinator/comparison/comparison.h"

namespace kvcompare {

// "windows" if samples are windows of longer texts, "ranges" if the data names the tokens that are scored,
// else "all".
std::string scored_flag(const Comparison& comparison);

// A sentence without a full stop, such as "NLL and perplexity: over 120 scored tokens of 3000, those that the
// data names". Empty for "all".
std::string scored_note(const Comparison& comparison);

}  // namespace kvcompare
