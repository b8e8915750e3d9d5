#include "common/data/evidence.h"

#include <algorithm>
#include <utility>

namespace kvcompare {
namespace {

std::vector<TokenRange> before(std::int64_t end, std::vector<TokenRange> ranges) {
  for (auto& range : ranges) range.end = std::min(range.end, end);
  std::erase_if(ranges, [](const TokenRange& range) { return range.begin >= range.end; });
  return ranges;
}

}  // namespace

std::int64_t SpanWithEvidence::n_tokens() const {
  std::int64_t n = 0;
  for (const auto& range : evidence) n += range.size();
  return n;
}

std::vector<SpanWithEvidence> spans_with_evidence(const Sample& sample) {
  std::vector<SpanWithEvidence> spans;
  if (sample.evidence.empty() || !sample.scored_are_answers) return spans;
  const bool serves_all = sample.evidence.size() == 1;
  for (std::size_t place = 0; place < sample.scored.size(); ++place) {
    const auto begin = sample.scored[place].begin;
    auto evidence = before(begin, sample.evidence.at(serves_all ? 0 : place));
    if (!evidence.empty())
      spans.push_back({.place = place, .first_query = begin - 1, .evidence = std::move(evidence)});
  }
  return spans;
}

}  // namespace kvcompare
