// Text -> token ids, as a model's own tokenizer.json says.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "common/ids.h"

namespace kvcompare {

// Gives the ids that Hugging Face `tokenizers` gives. What a file asks for and this class does not do is
// refused by name when it is loaded. Of the file's other keys: "decoder" is for the way back and not looked
// at; "truncation" and "padding" are not applied, as transformers does not apply them to tokenizer(text)
// either: a sample is cut by max_length alone.
class Tokenizer {
 public:
  // Reads FOLDER/tokenizer.json, or the file itself. A tokenizer.json is refused where the files beside it
  // would make transformers give other ids (tokenizer_config.h). Throws CheckpointError naming file, key and
  // what is accepted.
  static Tokenizer load(const std::filesystem::path& folder_or_file);

  ~Tokenizer();
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;

  // What the post-processor adds. Special tokens written in the text are recognised with either.
  enum class SpecialTokens { kAdd, kOmit };

  // Several threads may encode at once. `utf8` must be valid UTF-8 (checked: InvariantError with the byte
  // offset; who reads texts from a file complains with its line before). O(n log n) in the bytes of the text.
  std::vector<TokenId> encode(std::string_view utf8, SpecialTokens special = SpecialTokens::kAdd) const;

  // Largest id that encode can give, plus one.
  std::int64_t vocab_size() const;

 private:
  struct Parts;
  explicit Tokenizer(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace kvcompare
