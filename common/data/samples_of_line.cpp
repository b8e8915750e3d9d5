#include "common/data/samples_of_line.h"

#include <algorithm>
#include <span>
#include <utility>

#include "common/data/scored_text.h"

namespace kvcompare {
namespace {

// Ranges within [0, n_tokens).
std::vector<TokenRange> cut_at(const std::vector<TokenRange>& ranges, std::int64_t n_tokens) {
  std::vector<TokenRange> result;
  for (auto range : ranges) {
    range.end = std::min(range.end, n_tokens);
    if (range.begin < range.end) result.push_back(range);
  }
  return result;
}

// bytes: [n_tokens] of the sample
void measure_text(Sample& sample, const TokenisedLine& line, std::span<const Range> bytes) {
  if (!line.text) return;
  sample.scored_text =
      sample.has_nothing_scored ? TextSize{} : size_of_scored_text(*line.text, bytes, sample.scored);
}

void put_scored(Sample& sample, const std::vector<TokenRange>& scored, Truncation& truncated) {
  const auto n_tokens = std::ssize(sample.ids);
  sample.scored = cut_at(scored, n_tokens);
  sample.has_nothing_scored = sample.scored.empty();
  const auto n_cut = std::ranges::count_if(scored, [&](const auto& range) { return range.end > n_tokens; });
  if (n_cut > 0) truncated.n_scored_ranges = n_cut;
  sample.last_scored_is_cut = std::ranges::any_of(
      scored, [&](const auto& range) { return range.begin < n_tokens && range.end > n_tokens; });
}

// Behind the scored ranges: those that are left are the first of the line.
void put_evidence(Sample& sample, const std::vector<std::vector<TokenRange>>& lists) {
  const auto n_lists = lists.size() > 1 ? sample.scored.size() : lists.size();
  for (const auto& list : std::span(lists).first(n_lists))
    sample.evidence.push_back(cut_at(list, std::ssize(sample.ids)));
  if (std::ranges::all_of(sample.evidence, &std::vector<TokenRange>::empty)) sample.evidence.clear();
}

}  // namespace

SamplesOfLine sample_of(TokenisedLine line, std::int64_t max_length) {
  SamplesOfLine result{.samples = {}, .begins_twice = line.begins_twice};
  Sample sample;
  sample.ids = std::move(line.ids);
  if (const auto n_beyond = std::ssize(sample.ids) - max_length; n_beyond > 0) {
    result.truncated = {.n_samples = 1, .n_tokens = n_beyond};
    sample.ids.resize(static_cast<std::size_t>(max_length));
    sample.ids.shrink_to_fit();
  }
  if (line.scored) put_scored(sample, *line.scored, result.truncated);
  put_evidence(sample, line.evidence);
  if (line.n_context) sample.n_context = std::min(*line.n_context, std::ssize(sample.ids));
  measure_text(sample, line, std::span(line.bytes).first(line.text ? sample.ids.size() : 0));
  result.samples.push_back(std::move(sample));
  return result;
}

SamplesOfLine pieces_of(const TokenisedLine& line, std::int64_t max_length) {
  SamplesOfLine result{.samples = {}, .begins_twice = line.begins_twice};
  for (std::int64_t begin = 0; begin < std::ssize(line.ids); begin += max_length) {
    Sample sample;
    sample.ids.assign(line.ids.begin() + begin,
                      line.ids.begin() + std::min(begin + max_length, std::ssize(line.ids)));
    if (line.text)
      measure_text(sample, line,
                   std::span(line.bytes).subspan(static_cast<std::size_t>(begin), sample.ids.size()));
    result.samples.push_back(std::move(sample));
  }
  return result;
}

SamplesOfLine windows_of(const TokenisedLine& line, const PerplexityWindows& windows,
                         const DataPlace& place) {
  if (line.scored || line.n_context || !line.evidence.empty())
    place.fail(
        "names scored tokens, evidence or a context; --perplexity_windows cuts plain texts: expected "
        "'text' or 'input_ids' alone");
  SamplesOfLine result{.samples = {}, .begins_twice = line.begins_twice};
  const auto n_tokens = std::ssize(line.ids);
  std::int64_t n_done = 0;  // tokens that a window has scored, or that come before its first one
  for (std::int64_t begin = 0;; begin += windows.stride) {
    const auto end = std::min(begin + windows.n_tokens, n_tokens);
    Sample sample;
    sample.ids.assign(line.ids.begin() + begin, line.ids.begin() + end);
    if (begin > 0) {
      const auto first = std::max<std::int64_t>(n_done - begin, 1);
      if (first < end - begin) sample.scored = {{first, end - begin}};
      sample.scored_are_answers = false;
      sample.has_nothing_scored = sample.scored.empty();
    }
    measure_text(sample, line,
                 line.text ? std::span(line.bytes).subspan(static_cast<std::size_t>(begin), sample.ids.size())
                           : std::span<const Range>());
    result.samples.push_back(std::move(sample));
    n_done = end;
    if (end == n_tokens) return result;
  }
}

}  // namespace kvcompare
