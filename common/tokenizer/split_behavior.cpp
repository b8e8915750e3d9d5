#include "common/tokenizer/split_behavior.h"

#include <algorithm>

#include "common/tokenizer/json_node.h"

namespace kvcompare {
namespace {

struct Part {
  Span span;
  bool delimiter;
};

// Matches and the gaps between them, in order. An empty match is kept, because it separates its neighbours.
std::vector<Part> parts_of(std::span<const Span> matches, std::size_t text_bytes, Delimiters delimiters) {
  const bool match_delimits = delimiters == Delimiters::kMatches;
  std::vector<Part> parts;
  parts.reserve(2 * matches.size() + 1);
  std::size_t end = 0;
  for (const Span& match : matches) {
    if (end != match.begin) parts.push_back({{end, match.begin}, !match_delimits});
    parts.push_back({match, match_delimits});
    end = match.end;
  }
  if (end != text_bytes) parts.push_back({{end, text_bytes}, !match_delimits});
  return parts;
}

std::vector<Span> contiguous(const std::vector<Part>& parts) {
  std::vector<Span> spans;
  bool previous = false;
  for (const Part& part : parts) {
    if (part.delimiter == previous && !spans.empty()) {
      spans.back().end = part.span.end;
    } else {
      spans.push_back(part.span);
    }
    previous = part.delimiter;
  }
  return spans;
}

std::vector<Span> merged_with_previous(const std::vector<Part>& parts) {
  std::vector<Span> spans;
  bool previous = false;
  for (const Part& part : parts) {
    if (part.delimiter && !previous && !spans.empty()) {
      spans.back().end = part.span.end;
    } else {
      spans.push_back(part.span);
    }
    previous = part.delimiter;
  }
  return spans;
}

std::vector<Span> merged_with_next(const std::vector<Part>& parts) {
  std::vector<Span> spans;
  bool previous = false;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (part->delimiter && !previous && !spans.empty()) {
      spans.back().begin = part->span.begin;
    } else {
      spans.push_back(part->span);
    }
    previous = part->delimiter;
  }
  std::reverse(spans.begin(), spans.end());
  return spans;
}

std::vector<Span> spans_of(const std::vector<Part>& parts, bool keep_delimiters) {
  std::vector<Span> spans;
  spans.reserve(parts.size());
  for (const Part& part : parts) {
    if (keep_delimiters || !part.delimiter) spans.push_back(part.span);
  }
  return spans;
}

std::vector<Span> join_parts(SplitBehavior behavior, const std::vector<Part>& parts) {
  switch (behavior) {
    case SplitBehavior::kRemoved:
      return spans_of(parts, false);
    case SplitBehavior::kMergedWithPrevious:
      return merged_with_previous(parts);
    case SplitBehavior::kMergedWithNext:
      return merged_with_next(parts);
    case SplitBehavior::kContiguous:
      return contiguous(parts);
    case SplitBehavior::kIsolated:
      break;
  }
  return spans_of(parts, true);
}

}  // namespace

SplitBehavior split_behavior_from_json(const JsonNode& node) {
  const std::string& name = node.string();
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  node.fail("\"" + name +
            "\" is not known; accepted: Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous");
}

std::vector<Span> split_at(std::span<const Span> matches, std::size_t text_bytes, Delimiters delimiters,
                           SplitBehavior behavior) {
  if (text_bytes == 0) return {};
  std::vector<Span> spans = join_parts(behavior, parts_of(matches, text_bytes, delimiters));
  std::erase_if(spans, [](const Span& span) { return span.begin == span.end; });
  return spans;
}

}  // namespace kvcompare
