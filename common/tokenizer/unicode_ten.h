// Hugging Face tokenizers normalise by the tables of Unicode 9.0: younger characters stay as and where they
// are.
#pragma once

namespace kvcompare {

// Whether a normalisation form of today treats the character otherwise than as an inert one, and Unicode 9.0
// did not have it: it has a decomposition, a combining class other than 0, or composes with what stands
// before it.
bool normalised_only_since_unicode_10(char32_t character);

}  // namespace kvcompare
