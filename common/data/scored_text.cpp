#include "common/data/scored_text.h"

#include <algorithm>
#include <vector>

#include "common/white_space.h"

namespace kvcompare {

TextSize size_of_scored_text(std::string_view text, std::span<const Range> bytes, ScoredTokens scored) {
  std::vector<Range> stretches;
  for_each_scored(scored, std::ssize(bytes), [&](std::int64_t token) {
    const Range& own = bytes[static_cast<std::size_t>(token)];
    if (own.size() > 0) stretches.push_back(own);
  });
  std::ranges::sort(stretches, {}, &Range::begin);
  TextSize size;
  for (std::size_t i = 0; i < stretches.size();) {
    Range stretch = stretches[i];
    for (++i; i < stretches.size() && stretches[i].begin <= stretch.end; ++i)
      stretch.end = std::max(stretch.end, stretches[i].end);
    size.n_bytes += stretch.size();
    size.n_words += n_words(
        text.substr(static_cast<std::size_t>(stretch.begin), static_cast<std::size_t>(stretch.size())));
  }
  return size;
}

}  // namespace kvcompare
