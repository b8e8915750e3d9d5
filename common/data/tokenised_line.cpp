#include "common/data/tokenised_line.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/errors.h"

namespace kvcompare {
namespace {

// Of ranges of characters of a text, the bytes.
std::vector<Range> bytes_of(const std::vector<Range>& characters, const std::string& text) {
  std::vector<std::int64_t> begins;  // of characters; the end of the text stands behind them
  for (std::size_t i = 0; i < text.size(); ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) begins.push_back(static_cast<std::int64_t>(i));
  begins.push_back(std::ssize(text));
  std::vector<Range> bytes;
  for (const auto& [begin, end] : characters)
    bytes.push_back({begins.at(static_cast<std::size_t>(begin)), begins.at(static_cast<std::size_t>(end))});
  return bytes;
}

bool overlap(const Range& a, const Range& b) {
  return a.size() > 0 && b.size() > 0 && a.begin < b.end && b.begin < a.end;
}

// From the first token that stands for something of the range to the last.
TokenRange tokens_of(const Range& bytes, const std::vector<Range>& of_tokens) {
  const auto is_in = [&](const Range& token) { return overlap(token, bytes); };
  const auto first = std::ranges::find_if(of_tokens, is_in);
  if (first == of_tokens.end()) return {};
  const auto last = std::find_if(of_tokens.rbegin(), of_tokens.rend(), is_in);
  return {first - of_tokens.begin(), last.base() - of_tokens.begin()};
}

struct RangesApart {
  std::vector<TokenRange> ranges;
  std::vector<std::size_t> places;  // of each of them in the list that they were made of
};

// Cuts ranges that reach into the one before them or before `least`, and leaves out what is empty then.
RangesApart apart(const std::vector<TokenRange>& ranges, std::int64_t least) {
  RangesApart result;
  for (std::size_t place = 0; place < ranges.size(); ++place) {
    auto range = ranges[place];
    range.begin = std::max(range.begin, least);
    if (range.begin >= range.end) continue;
    result.ranges.push_back(range);
    result.places.push_back(place);
    least = range.end;
  }
  return result;
}

// A range for each; empty where no token stands for it.
std::vector<TokenRange> tokens_of(const std::vector<Range>& characters, const TokenisedLine& line) {
  std::vector<TokenRange> tokens;
  for (const Range& bytes : bytes_of(characters, *line.text)) tokens.push_back(tokens_of(bytes, line.bytes));
  return tokens;
}

// Tokens that stand for nothing of the text come from the tokenizer.
bool begins_twice(const EncodedText& text) {
  const auto first_of_text = std::ranges::find_if(text.bytes, [](const Range& r) { return r.size() > 0; });
  const auto n_before = first_of_text - text.bytes.begin();
  if (n_before == 0 || std::ssize(text.ids) < 2 * n_before) return false;
  return std::equal(text.ids.begin(), text.ids.begin() + n_before, text.ids.begin() + n_before);
}

constexpr std::int64_t kFirstPredicted = 1;

class LineTokeniser {
 public:
  LineTokeniser(JsonlRecord record, const Encode& encode) : record_(std::move(record)), encode_(encode) {}

  TokenisedLine of_ids() && {
    line_.ids = std::move(*record_.ids);
    line_.evidence = std::move(record_.evidence);
    if (record_.scored) put_scored(*record_.scored);
    line_.n_context = record_.n_context;
    return std::move(line_);
  }

  TokenisedLine of_text() && {
    append(*record_.text, SpecialTokens::kAdd);
    finish_text();
    if (record_.scored) put_scored(tokens_of(*record_.scored, line_));
    return std::move(line_);
  }

  TokenisedLine of_parts() && {
    std::vector<TokenRange> scored;
    for (const TextPart& part : record_.parts) {
      const auto begin = std::ssize(line_.ids);
      append(part.text, &part == &record_.parts.front() ? SpecialTokens::kAdd : SpecialTokens::kOmit);
      if (part.is_scored) scored.push_back({begin, std::ssize(line_.ids)});
    }
    // Token 0 is never predicted, so a context holds it at least.
    if (!scored.empty()) line_.n_context = std::max(scored.front().begin, kFirstPredicted);
    finish_text();
    put_scored(scored);
    return std::move(line_);
  }

 private:
  void append(const std::string& text, SpecialTokens special) {
    auto encoded = encode_(text, special);
    require(encoded.ids.size() == encoded.bytes.size(), "every token stands for a range of bytes");
    if (!line_.text) {
      line_.text.emplace();
      line_.begins_twice = begins_twice(encoded);
    }
    const auto offset = std::ssize(*line_.text);
    line_.ids.insert(line_.ids.end(), encoded.ids.begin(), encoded.ids.end());
    for (const Range& bytes : encoded.bytes)
      line_.bytes.push_back({bytes.begin + offset, bytes.end + offset});
    *line_.text += text;
  }

  void finish_text() {
    for (const auto& list : record_.evidence)
      line_.evidence.push_back(apart(tokens_of(list, line_), 0).ranges);
    if (record_.n_context) line_.n_context = record_.n_context;
  }

  // Behind the evidence, of which lists go with their ranges.
  void put_scored(const std::vector<TokenRange>& ranges) {
    auto [scored, places] = apart(ranges, kFirstPredicted);
    line_.scored = std::move(scored);
    if (line_.evidence.size() <= 1) return;
    std::vector<std::vector<TokenRange>> left;
    for (const auto place : places) left.push_back(std::move(line_.evidence[place]));
    line_.evidence = std::move(left);
  }

  JsonlRecord record_;
  const Encode& encode_;
  TokenisedLine line_;
};

}  // namespace

TokenisedLine tokenised(JsonlRecord record, const Encode& encode, const DataPlace& place) {
  if (record.ids) return LineTokeniser(std::move(record), encode).of_ids();
  if (!encode)
    throw ConfigError("data_path",
                      place.file + ":" + std::to_string(place.line) +
                          " holds text, but there is no tokenizer; expected ready token ids in 'input_ids'");
  const bool is_whole = record.text.has_value();
  LineTokeniser tokeniser(std::move(record), encode);
  return is_whole ? std::move(tokeniser).of_text() : std::move(tokeniser).of_parts();
}

}  // namespace kvcompare
