// Lists of numbers as short texts, without losing a bit. A text holds 6 bits a character, most significant
// first: A to Z, a to z, 0 to 9, + and / stand for 0 to 63, as in base64. What is left of the last character
// is 0.
//
// A code of order k is a whole number x >= 0: as many zeros as x >> k has binary digits, a one, these digits
// without the first, and the last k bits of x.
//
//   whole numbers : 2 bits that say how (Packing), 6 bits for k, how many there are (a code of order 6),
//                   and a code of order k for each
//   doubles       : how many there are (a code of order 6); for each of them a code of order 0 for its first
//                   12 bits (sign, exponent), as a step from those of the double before, and its other 52
//                   bits
//
// A step s is the number 2 s, or -2 s - 1 if s < 0. The first step is from 0.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kvcompare {

enum class Packing {
  kSteps = 0,   // from each number to the next
  kRising = 1,  // the first step; then how much further than 1 each number is from the one before
  kCounts = 2,  // how much more than 1 each number is
};

// Numbers that do not rise, or are no counts, are packed as kSteps.
std::string packed(std::span<const std::int64_t> numbers, Packing packing = Packing::kSteps);
std::string packed(std::span<const double> numbers);

// Throw std::invalid_argument if the text does not have this form, or a double is not finite.
std::vector<std::int64_t> unpacked_whole_numbers(std::string_view text);
std::vector<double> unpacked_doubles(std::string_view text);

}  // namespace kvcompare
