// Turns text into token ids, as a model's own tokenizer.json says.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/data/encoded_text.h"
#include "common/ids.h"

namespace kvcompare {

// Gives the same ids as Hugging Face `tokenizers`. If a file asks for something that this class does not do,
// loading the file throws and names it. Of the other keys of the file, "decoder" is ignored, because it is
// for turning ids into text. "truncation" and "padding" are not applied, because transformers does not apply
// them to tokenizer(text) either; only max_length cuts a sample.
class Tokenizer {
 public:
  // Reads FOLDER/tokenizer.json, or the file itself. Refuses a tokenizer.json if the files beside it would
  // make transformers give other ids (tokenizer_config.h). Throws CheckpointError naming file, key and what
  // is accepted.
  static Tokenizer load(const std::filesystem::path& folder_or_file);

  ~Tokenizer();
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;

  using SpecialTokens = kvcompare::SpecialTokens;

  // Several threads may encode at once. O(n log n) in the bytes of the text. `utf8` must be valid UTF-8; else
  // InvariantError with the byte offset. Callers that read texts from files check UTF-8 themselves, so that
  // they can name the line.
  std::vector<TokenId> encode(std::string_view utf8, SpecialTokens special = SpecialTokens::kAdd) const;

  // The same ids, with the bytes of the text that each stands for. The space before a word belongs to the
  // token that holds it (Hugging Face's offsets leave the space out where "trim_offsets" is set). What a
  // normalizer joins or replaces belongs as a whole to what it becomes.
  EncodedText encode_with_bytes(std::string_view utf8, SpecialTokens special = SpecialTokens::kAdd) const;

  // What the files beside tokenizer.json say otherwise, as sentences for the user (tokenizer_config.h). None
  // for a file that was named itself and has another name.
  const std::vector<std::string>& warnings() const;

  // The largest id that encode can give, plus one.
  std::int64_t vocab_size() const;

 private:
  struct Parts;
  struct Sink;
  void encode_into(Sink& sink, std::string_view utf8) const;
  explicit Tokenizer(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace kvcompare
