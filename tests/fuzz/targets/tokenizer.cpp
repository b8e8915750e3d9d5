// tokenizer.json, a NUL, tokenizer_config.json or nothing, a NUL, a text that is then encoded.
#include "common/tokenizer/tokenizer.h"

#include <filesystem>
#include <optional>

#include "common/utf8.h"
#include "tests/fuzz/fuzzed_input.h"
#include "tests/fuzz/refusal.h"
#include "tests/fuzz/targets.h"

namespace kvcompare::fuzz {
namespace {

void check_encoding(const Tokenizer& tokenizer, std::string_view text) {
  const auto ids = tokenizer.encode(text);
  const auto encoded = tokenizer.encode_with_bytes(text);
  expect(encoded.ids == ids, "other ids with bytes than without");
  expect(encoded.bytes.size() == ids.size(), "ids without bytes");
  for (const auto id : ids) expect(id >= 0 && id < tokenizer.vocab_size(), "an id beyond vocab_size()");
  for (const auto& range : encoded.bytes)
    expect(range.begin >= 0 && range.begin <= range.end && range.end <= std::ssize(text),
           "a token of bytes that the text does not have");
}

}  // namespace

void tokenizer(std::string_view input) {
  static const InputFolder folder;
  const auto [json, rest] = split_at_nul(input);
  const auto [config, text] = split_at_nul(rest);
  const auto file = folder.write("tokenizer.json", json);
  std::filesystem::remove(folder.path() / "tokenizer_config.json");
  if (!config.empty()) folder.write("tokenizer_config.json", config);
  std::optional<Tokenizer> loaded;
  if (!is_accepted([&] { loaded = Tokenizer::load(folder.path()); }, ExitCode::kBadInput,
                   folder.path().string()))
    return;
  if (find_invalid_utf8(text)) return;  // who reads texts has refused it
  is_accepted([&, &text = text] { check_encoding(*loaded, text); }, ExitCode::kBadInput, file.string());
}

}  // namespace kvcompare::fuzz
