#include "common/tokenizer/bpe.h"

#include <algorithm>
#include <limits>

#include "common/errors.h"
#include "common/tokenizer/json_node.h"
#include "common/utf8.h"

namespace kvcompare {
namespace {

constexpr std::size_t kBasicPlane = 0x10000;
constexpr std::int64_t kNone = -1;
// Tables by id are as long as the largest id, however few tokens there are.
constexpr std::uint64_t kMostIds = std::uint64_t{1} << 24;

struct MergeParts {
  std::string_view left;
  std::string_view right;
};

// "a b" or ["a", "b"].
MergeParts merge_parts(const JsonNode& node) {
  if (!node.is_string()) {
    const nlohmann::json& pair = node.value();
    if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string() || !pair[1].is_string()) {
      node.fail("must be \"left right\" or [\"left\", \"right\"]");
    }
    return {pair[0].get_ref<const std::string&>(), pair[1].get_ref<const std::string&>()};
  }
  const std::string_view text = node.string();
  const std::size_t space = text.find(' ');
  if (space == std::string_view::npos || text.find(' ', space + 1) != std::string_view::npos) {
    node.fail("\"" + std::string(text) + "\" must be two tokens with one space between them");
  }
  return {text.substr(0, space), text.substr(space + 1)};
}

bool is_version_line(const JsonNode& node) {
  return node.is_string() && node.string().starts_with("#version");
}

void refuse_affix(const JsonNode& node, std::string_view key) {
  const std::optional<JsonNode> affix = node.find(key);
  if (affix && !affix->string().empty())
    affix->fail("\"" + affix->string() + "\" is not supported; accepted: null, \"\"");
}

// GPT-2's file of 2019 has no type; a vocabulary with merges is BPE.
void check_type(const JsonNode& node) {
  if (!node.has("type") && node.has("merges")) return;
  const std::string& type = node.at("type").string();
  if (type != "BPE") node.fail("the model \"" + type + "\" is not supported; accepted: BPE");
}

void check_options(const JsonNode& node) {
  node.allow_keys({"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix",
                   "fuse_unk", "byte_fallback", "ignore_merges", "vocab", "merges"});
  const std::optional<JsonNode> dropout = node.find("dropout");
  if (dropout && dropout->value() != 0)
    dropout->fail("BPE dropout (random merges) is not supported; accepted: null, 0");
  refuse_affix(node, "continuing_subword_prefix");
  refuse_affix(node, "end_of_word_suffix");
}

std::string byte_token(std::size_t byte) {
  constexpr char kHex[] = "0123456789ABCDEF";
  return std::string("<0x") + kHex[byte / 16] + kHex[byte % 16] + ">";
}

}  // namespace

Bpe Bpe::from_json(const JsonNode& node) {
  check_type(node);
  check_options(node);
  Bpe bpe(node.at("merges").value().size());
  bpe.file_ = node.file();
  if (const auto unknown = node.find("unk_token")) bpe.unk_token_ = unknown->string();
  bpe.fuse_unk_ = node.boolean_or("fuse_unk", false);
  bpe.byte_fallback_ = node.boolean_or("byte_fallback", false);
  bpe.ignore_merges_ = node.boolean_or("ignore_merges", false);
  bpe.read_vocabulary(node.at("vocab"));
  bpe.read_merges(node.at("merges"));
  bpe.index_characters();
  return bpe;
}

void Bpe::read_vocabulary(const JsonNode& node) {
  const nlohmann::json& vocabulary = node.value();
  if (!vocabulary.is_object() || vocabulary.empty())
    node.fail("must be an object {token: id, ...}, not empty");
  ids_.reserve(vocabulary.size());
  for (const auto& [token, id] : vocabulary.items()) {
    if (!id.is_number_unsigned() || id.get<std::uint64_t>() > std::numeric_limits<std::int32_t>::max()) {
      node.at(token).token_id();  // fails, with the place
    }
    if (id.get<std::uint64_t>() >= kMostIds)
      node.at(token).fail("is " + id.dump() + "; accepted: ids below " + std::to_string(kMostIds));
    ids_.emplace(token, id.get<std::uint32_t>());
    largest_id_ = std::max(largest_id_, id.get<std::uint32_t>());
  }
}

void Bpe::read_merges(const JsonNode& node) {
  std::uint32_t rank = 0;
  std::string merged;
  for (const JsonNode& item : node.items()) {
    if (is_version_line(item)) continue;
    const MergeParts parts = merge_parts(item);
    merged.assign(parts.left).append(parts.right);
    for (const std::string_view token : {parts.left, parts.right, std::string_view(merged)}) {
      if (!id_of(token)) item.fail("the token \"" + std::string(token) + "\" is not in the vocabulary");
    }
    merges_.insert(*id_of(parts.left), *id_of(parts.right), {rank++, *id_of(merged)});
  }
}

void Bpe::index_characters() {
  character_ids_.assign(kBasicPlane, kNone);
  for (const auto& [token, id] : ids_) {
    if (token.empty() || first_character_bytes(token) != token.size()) continue;
    const char32_t character = decode_utf8(token, 0).value;
    if (character < kBasicPlane) character_ids_[character] = id;
  }
  for (std::size_t byte = 0; byte < byte_ids_.size(); ++byte) {
    const std::optional<std::uint32_t> id = id_of(byte_token(byte));
    byte_ids_[byte] = id ? std::int64_t{*id} : kNone;
  }
  literal_bytes_.assign(std::size_t{largest_id_} + 1, 0);
  for (const auto& [token, id] : ids_) literal_bytes_[id] = static_cast<std::uint32_t>(token.size());
  if (const auto id = unk_token_ ? id_of(*unk_token_) : std::nullopt) literal_bytes_[*id] = 0;
  if (byte_fallback_)
    for (const std::int64_t id : byte_ids_)
      if (id != kNone) literal_bytes_[static_cast<std::size_t>(id)] = 0;
}

std::optional<std::uint32_t> Bpe::id_of(std::string_view token) const {
  const auto found = ids_.find(token);
  if (found == ids_.end()) return std::nullopt;
  return found->second;
}

std::span<const std::uint32_t> Bpe::tokenize(std::string_view piece, BpeWorkspace& workspace) const {
  if (const auto cached = workspace.cache_.find(piece)) return *cached;
  if (ignore_merges_) {
    if (const auto whole = id_of(piece)) {
      workspace.ids_.assign(1, *whole);
      return workspace.ids_;
    }
  }
  spell(piece, workspace);
  const std::span<const std::uint32_t> tokens = workspace.merger_.merge(workspace.ids_, merges_);
  workspace.cache_.insert(piece, tokens);
  return tokens;
}

// Whether the tokens, one behind the other, are the piece to the byte. Unknown tokens and bytes of a
// byte_fallback are not what they stand for.
bool Bpe::spell_the_piece(std::span<const std::uint32_t> ids, std::string_view piece) const {
  std::size_t n_bytes = 0;
  for (const std::uint32_t id : ids) {
    if (literal_bytes_[id] == 0) return false;
    n_bytes += literal_bytes_[id];
  }
  return n_bytes == piece.size();
}

std::span<const PieceToken> Bpe::tokenize_with_spans(std::string_view piece, BpeWorkspace& workspace) const {
  auto& tokens = workspace.tokens_;
  tokens.clear();
  if (const auto ids = tokenize(piece, workspace); spell_the_piece(ids, piece)) {
    std::size_t at = 0;
    for (const std::uint32_t id : ids) {
      tokens.push_back({id, {at, at + literal_bytes_[id]}});
      at += literal_bytes_[id];
    }
    return tokens;
  }
  spell(piece, workspace);
  const std::span<const std::uint32_t> ids = workspace.merger_.merge(workspace.ids_, merges_);
  const std::span<const std::uint32_t> firsts = workspace.merger_.firsts();
  const auto& spans = workspace.spans_;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const std::size_t end = i + 1 < ids.size() ? firsts[i + 1] : spans.size();
    Span span = spans[firsts[i]];
    for (std::size_t symbol = firsts[i] + 1; symbol < end; ++symbol)
      span = {std::min(span.begin, spans[symbol].begin), std::max(span.end, spans[symbol].end)};
    tokens.push_back({ids[i], span});
  }
  return tokens;
}

std::int64_t Bpe::character_id(std::string_view character) const {
  const char32_t value = decode_utf8(character, 0).value;
  if (value < kBasicPlane) return character_ids_[value];
  const std::optional<std::uint32_t> id = id_of(character);
  return id ? std::int64_t{*id} : kNone;
}

std::uint32_t Bpe::unknown_id() const {
  const std::optional<std::uint32_t> id = id_of(*unk_token_);
  if (!id)
    throw CheckpointError(file_, "model.unk_token",
                          "\"" + *unk_token_ + "\" is needed but not in the vocabulary");
  return *id;
}

// Fills workspace.ids_ and spans_ with the characters of the piece. As in Hugging Face's BPE, an unknown
// character is written only when a known character or the end follows, so bytes of a byte_fallback may be
// written before it.
void Bpe::spell(std::string_view piece, BpeWorkspace& workspace) const {
  workspace.ids_.clear();
  workspace.spans_.clear();
  const auto put = [&](std::uint32_t id, const Span& span) {
    workspace.ids_.push_back(id);
    workspace.spans_.push_back(span);
  };
  std::optional<Span> waiting;  // unknown characters that are not written yet
  for (std::size_t at = 0; at < piece.size();) {
    const Span character{at, at + decode_utf8(piece, at).n_bytes};
    at = character.end;
    const std::int64_t id = character_id(piece.substr(character.begin, character.end - character.begin));
    if (id == kNone && byte_fallback_ && spell_bytes(piece, character, workspace)) continue;
    if (id == kNone && !unk_token_) continue;
    if (waiting && (id != kNone || !fuse_unk_)) {
      put(unknown_id(), *waiting);
      waiting.reset();
    }
    if (id != kNone)
      put(static_cast<std::uint32_t>(id), character);
    else
      waiting = Span{waiting ? waiting->begin : character.begin, character.end};
  }
  if (waiting) put(unknown_id(), *waiting);
}

bool Bpe::spell_bytes(std::string_view piece, const Span& character, BpeWorkspace& workspace) const {
  const auto bytes = piece.substr(character.begin, character.end - character.begin);
  const auto id_of_byte = [this](char c) { return byte_ids_[static_cast<unsigned char>(c)]; };
  if (std::any_of(bytes.begin(), bytes.end(), [&](char c) { return id_of_byte(c) == kNone; })) return false;
  for (const char c : bytes) workspace.ids_.push_back(static_cast<std::uint32_t>(id_of_byte(c)));
  workspace.spans_.insert(workspace.spans_.end(), bytes.size(), character);
  return true;
}

}  // namespace kvcompare
