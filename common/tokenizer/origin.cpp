#include "common/tokenizer/origin.h"

#include <algorithm>
#include <limits>

#include "common/errors.h"
#include "common/utf8.h"

namespace kvcompare {

Origins origins_of(std::string_view text, std::size_t offset) {
  require(offset + text.size() <= std::numeric_limits<std::uint32_t>::max(), "a text of 2^32 bytes or more");
  Origins origins;
  origins.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t n_bytes = decode_utf8(text, at).n_bytes;
    const Origin character{static_cast<std::uint32_t>(offset + at),
                           static_cast<std::uint32_t>(offset + at + n_bytes)};
    origins.insert(origins.end(), n_bytes, character);
    at += n_bytes;
  }
  return origins;
}

void append_part(Origins& to, const Origins& origins, const Span& span) {
  if (origins.empty()) return;
  to.insert(to.end(), origins.begin() + static_cast<std::ptrdiff_t>(span.begin),
            origins.begin() + static_cast<std::ptrdiff_t>(span.end));
}

Origins part_of(const Origins& origins, const Span& span) {
  Origins part;
  append_part(part, origins, span);
  return part;
}

Origin joined(const Origins& origins, const Span& span) {
  if (origins.empty()) return {};
  Origin all = origins.at(span.begin);
  for (std::size_t i = span.begin + 1; i < span.end; ++i) {
    all.begin = std::min(all.begin, origins[i].begin);
    all.end = std::max(all.end, origins[i].end);
  }
  return all;
}

}  // namespace kvcompare
