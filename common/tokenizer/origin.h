// Where the bytes of a rewritten text come from. Normalizers and pre-tokenizers rewrite text, and origins
// tell which bytes of the text as it was given each rewritten byte stands for.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "common/range.h"
#include "common/tokenizer/regex.h"

namespace kvcompare {

// Bytes [begin, end) of the text as it was given: whole characters.
struct Origin {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
};

// One a byte of the rewritten text. Empty if nobody asked for origins: then all functions below do nothing.
using Origins = std::vector<Origin>;

// Of text that is not rewritten: each byte comes from its character. offset: of the text in the one that was
// given.
Origins origins_of(std::string_view text, std::size_t offset);

// Of a part of the rewritten text.
Origins part_of(const Origins& origins, const Span& span);
void append_part(Origins& to, const Origins& origins, const Span& span);

// The smallest range that holds the origins of all bytes of the span. span: not empty. Nothing, at 0, without
// origins.
Origin joined(const Origins& origins, const Span& span);

inline Range range_of(const Origin& origin) { return {origin.begin, origin.end}; }

}  // namespace kvcompare
