// A data file in any format: JSON Lines, a JSON array, plain text, each also compressed. The last byte
// chooses options.
#include <cstdint>

#include "common/data/dataset.h"
#include "common/utf8.h"
#include "tests/fuzz/fuzzed_input.h"
#include "tests/fuzz/refusal.h"
#include "tests/fuzz/targets.h"

namespace kvcompare::fuzz {
namespace {

constexpr std::int64_t kIds = 256;

// Every character is a token.
EncodedText encode_characters(std::string_view text, SpecialTokens) {
  EncodedText encoded;
  for (std::size_t at = 0; at < text.size();) {
    const auto point = decode_utf8(text, at);
    encoded.ids.push_back(static_cast<TokenId>(point.value) % kIds);
    encoded.bytes.push_back({static_cast<std::int64_t>(at), static_cast<std::int64_t>(at + point.n_bytes)});
    at += point.n_bytes;
  }
  return encoded;
}

DatasetOptions options_of(const Choice& choice) {
  DatasetOptions options;
  if (choice.bit(0)) options.split = choice.bit(1) ? TextSplit::kBlankLine : TextSplit::kPacked;
  if (choice.bit(2)) options.fields.text = "document.text";
  if (choice.bit(3)) options.join = "\n";
  options.skip_bad_lines = choice.bit(4);
  if (choice.bit(5)) options.windows = PerplexityWindows{.n_tokens = 8, .stride = 3};
  if (choice.bit(6)) options.max_samples = 3;
  if (choice.bit(6) && choice.bit(1)) options.shuffle_seed = 7;
  if (choice.bit(7)) options.max_length = 12;
  if (choice.bit(7)) options.min_length = 3;
  return options;
}

void check_sample(const Sample& sample) {
  const auto n_tokens = std::ssize(sample.ids);
  for (const auto id : sample.ids) expect(id >= 0 && id < kIds, "an id beyond the vocabulary");
  if (sample.n_context)
    expect(*sample.n_context >= 0 && *sample.n_context <= n_tokens, "a context beyond the sample");
}

}  // namespace

void data(std::string_view input) {
  static const InputFolder folder;
  auto options = options_of(Choice(input));
  options.path = folder.write("data", input);
  Dataset dataset;
  if (is_accepted([&] { dataset = read_dataset(options, encode_characters, kIds); }, ExitCode::kBadInput,
                  options.path.string()))
    for (const auto& sample : dataset.samples) check_sample(sample);
}

}  // namespace kvcompare::fuzz
