// "Did you mean": the known names that a misspelt one is closest to.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kvcompare {

// Insertions, deletions, substitutions and swaps of neighbours that turn one into the other
// (optimal string alignment).
int edit_distance(std::string_view a, std::string_view b);

// The up to three nearest of `known`, nearest first, none if no name is near; equally near ones in the order
// of `known`. Case, '_' and
// '-' do not count; a name that contains the given one, or has a word of it, is nearer than one that merely
// looks like it.
std::vector<std::string> nearest_names(std::string_view given, std::span<const std::string> known);

// "did you mean a, b or c? ", with the space before what follows; "" if no name is near.
std::string suggestion(std::string_view given, std::span<const std::string> known,
                       std::string_view prefix = "");

}  // namespace kvcompare
