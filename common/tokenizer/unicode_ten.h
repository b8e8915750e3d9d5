// Hugging Face tokenizers normalise by the tables of Unicode 9.0. So they neither change nor move a character
// that was assigned later.
#pragma once

namespace kvcompare {

// True if Unicode 9.0 did not have the character and a normalisation form of today may change it: the
// character has a decomposition, or a combining class other than 0, or composes with a character before it.
bool normalised_only_since_unicode_10(char32_t character);

}  // namespace kvcompare
