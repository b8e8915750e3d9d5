#include "common/data/first_words.h"

#include <algorithm>

#include "common/data/jsonl_reader.h"
#include "common/errors.h"

namespace kvcompare {
namespace {

bool continues_a_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

std::string beginning(const std::string& text) {
  if (text.size() <= kMostBytesOfText) return text;
  auto n = kMostBytesOfText;
  while (n > 0 && continues_a_character(text[n])) --n;
  return text.substr(0, n) + "…";
}

}  // namespace

std::map<SampleIndex, std::string> first_words(const FirstWordsOptions& options) {
  JsonlReader reader(options.path, options.text_field);
  const auto is_bad = [&](std::int64_t line) { return std::ranges::binary_search(options.bad_lines, line); };
  std::map<SampleIndex, std::string> words;
  for (std::int64_t sample = 0; sample < options.n_samples;) {
    try {
      const auto record = reader.next();
      if (!record) break;
      if (is_bad(record->line)) continue;
      if (record->text && !record->ids) words.emplace(sample, beginning(*record->text));
      ++sample;
    } catch (const DataError& error) {
      if (!is_bad(error.line)) throw;
    }
  }
  return words;
}

}  // namespace kvcompare
