// A regular expression of a tokenizer, a NUL, a text: translated for PCRE2 and matched within its limits.
#include "common/tokenizer/pattern.h"

#include <optional>
#include <stdexcept>

#include "common/utf8.h"
#include "tests/fuzz/fuzzed_input.h"
#include "tests/fuzz/refusal.h"
#include "tests/fuzz/targets.h"

namespace kvcompare::fuzz {
namespace {

// Absent: not understood. Pattern::from_json, which calls this, adds file and place.
std::optional<Pattern> compiled(const std::string& regex) {
  try {
    return Pattern::regex(regex);
  } catch (const std::invalid_argument& error) {
    check_message(error.what(), "");
    return std::nullopt;
  }
}

void check_spans(const std::vector<Span>& spans, std::size_t n_bytes) {
  std::size_t end = 0;
  for (const auto& span : spans) {
    expect(span.begin >= end && span.end >= span.begin && span.end <= n_bytes, "matches out of order");
    end = span.end;
  }
}

}  // namespace

void pattern(std::string_view input) {
  const auto [written, text] = split_at_nul(input);
  const std::string regex(written);
  if (find_invalid_utf8(regex) || find_invalid_utf8(text)) return;  // JSON and data hold none
  const auto one = compiled(regex);
  if (!one) return;
  static MatchWorkspace workspace;
  try {
    check_spans(one->find_all(text, workspace), text.size());
  } catch (const MatchError& error) {
    check_message(error.what(), regex);
  }
}

}  // namespace kvcompare::fuzz
