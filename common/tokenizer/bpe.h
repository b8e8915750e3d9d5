// The "model" of tokenizer.json: byte-pair encoding, over characters or over byte-level characters. Source:
// Sennrich et al., arXiv 1508.07909; options as in Hugging Face tokenizers' BPE.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/tokenizer/merge_table.h"
#include "common/tokenizer/regex.h"
#include "common/tokenizer/symbol_merger.h"
#include "common/tokenizer/word_cache.h"

namespace kvcompare {

class JsonNode;

// A token, and the bytes of the piece that it stands for.
struct PieceToken {
  std::uint32_t id;
  Span span;
};

// The memory that a tokenization works in. Each thread has its own, and always uses it with the same Bpe.
class BpeWorkspace {
 private:
  friend class Bpe;
  std::vector<std::uint32_t> ids_;  // ids of the piece's characters
  std::vector<Span> spans_;         // of each of ids_: the bytes of the piece that it stands for
  std::vector<PieceToken> tokens_;
  SymbolMerger merger_;
  WordCache cache_;
};

class Bpe {
 public:
  // Throws CheckpointError naming the key, or the merge whose parts or result are not in the vocabulary.
  static Bpe from_json(const JsonNode& node);

  // Returns the tokens of one piece, valid until the next call with this workspace. O(n log n) in the bytes
  // of the piece. A character that is not in the vocabulary, and that byte_fallback does not spell in bytes,
  // becomes unk_token. If the model has no unk_token the character disappears. Throws CheckpointError if
  // unk_token is needed but not in the vocabulary.
  std::span<const std::uint32_t> tokenize(std::string_view piece, BpeWorkspace& workspace) const;

  // The same tokens, with what each stands for, valid until the next call with this workspace. Bytes of a
  // byte_fallback stand for their whole character.
  std::span<const PieceToken> tokenize_with_spans(std::string_view piece, BpeWorkspace& workspace) const;

  std::optional<std::uint32_t> id_of(std::string_view token) const;
  std::size_t n_tokens() const { return ids_.size(); }
  std::uint32_t largest_id() const { return largest_id_; }

 private:
  struct StringHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };

  explicit Bpe(std::size_t n_merges) : merges_(n_merges) {}
  void read_vocabulary(const JsonNode& node);
  void read_merges(const JsonNode& node);
  void index_characters();

  std::int64_t character_id(std::string_view character) const;
  void spell(std::string_view piece, BpeWorkspace& workspace) const;
  bool spell_the_piece(std::span<const std::uint32_t> ids, std::string_view piece) const;
  bool spell_bytes(std::string_view piece, const Span& character, BpeWorkspace& workspace) const;
  std::uint32_t unknown_id() const;

  std::unordered_map<std::string, std::uint32_t, StringHash, std::equal_to<>> ids_;
  std::vector<std::int64_t> character_ids_;   // [0x10000], the id of each character of the basic plane; -1:
                                              // none
  std::array<std::int64_t, 256> byte_ids_{};  // the id of "<0xNN>"; -1: none
  std::vector<std::uint32_t> literal_bytes_;  // by id: the token's bytes; 0: it stands for something else
  MergeTable merges_;
  std::uint32_t largest_id_ = 0;
  std::string file_;
  std::optional<std::string> unk_token_;
  bool fuse_unk_ = false;
  bool byte_fallback_ = false;
  bool ignore_merges_ = false;
};

}  // namespace kvcompare
