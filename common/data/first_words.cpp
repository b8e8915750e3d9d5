#include "common/data/first_words.h"

#include <algorithm>

#include "common/data/data_reader.h"
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

// Null for token ids.
const std::string* text_of(const JsonlRecord& record) {
  if (record.text) return &*record.text;
  const auto part = std::ranges::find_if(record.parts, [](const auto& one) { return !one.text.empty(); });
  return part == record.parts.end() ? nullptr : &part->text;
}

}  // namespace

std::map<SampleIndex, std::string> first_words(const FirstWordsOptions& options) {
  DataReader reader(options.source);
  const auto is_bad = [&](std::int64_t line) { return std::ranges::binary_search(options.bad_lines, line); };
  std::map<SampleIndex, std::string> words;
  for (std::int64_t sample = 0; sample < options.n_samples;) {
    try {
      const auto record = reader.next();
      if (!record) break;
      if (record->is_packed)
        throw DataError(reader.file(), 0, "holds one text that samples are cut from (--split packed)");
      if (is_bad(reader.bad_line(DataError(reader.file(), record->line, "")).line)) continue;
      if (const auto* text = text_of(*record)) words.emplace(sample, beginning(*text));
      ++sample;
    } catch (const DataError& error) {
      if (!is_bad(reader.bad_line(error).line)) throw;
    }
  }
  return words;
}

}  // namespace kvcompare
