#include "common/tokenizer/bpe.h"

#include <algorithm>
#include <limits>

#include "common/errors.h"
#include "common/tokenizer/json_node.h"
#include "common/tokenizer/utf8.h"

namespace kvcompare {
namespace {

constexpr std::size_t kBasicPlane = 0x10000;
constexpr std::int64_t kNone = -1;

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

void check_options(const JsonNode& node) {
  node.allow_keys({"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix",
                   "fuse_unk", "byte_fallback", "ignore_merges", "vocab", "merges"});
  // GPT-2's file of 2019 has no type; a vocabulary with merges is BPE.
  const std::string type = node.has("type")     ? node.at("type").string()
                           : node.has("merges") ? "BPE"
                                                : "without type";
  if (type != "BPE") node.fail("the model \"" + type + "\" is not supported; accepted: BPE");
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
  if (const auto type = node.find("type"); type && type->string() != "BPE") {
    node.fail("the model \"" + type->string() + "\" is not supported; accepted: BPE");
  }
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
}

std::optional<std::uint32_t> Bpe::id_of(std::string_view token) const {
  const auto found = ids_.find(token);
  if (found == ids_.end()) return std::nullopt;
  return found->second;
}

std::span<const std::uint32_t> Bpe::tokenize(std::string_view piece, BpeWorkspace& workspace) const {
  if (const auto cached = workspace.cache_.find(piece)) return *cached;
  workspace.ids_.clear();
  const std::optional<std::uint32_t> whole = ignore_merges_ ? id_of(piece) : std::nullopt;
  if (whole) {
    workspace.ids_.push_back(*whole);
  } else {
    spell(piece, workspace);
    merge(workspace);
  }
  workspace.cache_.insert(piece, workspace.ids_);
  return workspace.ids_;
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

// Fills workspace.ids_ with the characters of the piece. As in Hugging Face's BPE, an unknown character is
// written only when a known one or the end follows: bytes of a byte_fallback overtake it.
void Bpe::spell(std::string_view piece, BpeWorkspace& workspace) const {
  bool unknown_waits = false;
  for (std::size_t at = 0; at < piece.size();) {
    const std::string_view character = piece.substr(at, decode_utf8(piece, at).n_bytes);
    at += character.size();
    const std::int64_t id = character_id(character);
    if (id == kNone && byte_fallback_ && spell_bytes(character, workspace)) continue;
    if (id == kNone && !unk_token_) continue;
    if (unknown_waits && (id != kNone || !fuse_unk_)) workspace.ids_.push_back(unknown_id());
    unknown_waits = id == kNone;
    if (id != kNone) workspace.ids_.push_back(static_cast<std::uint32_t>(id));
  }
  if (unknown_waits) workspace.ids_.push_back(unknown_id());
}

bool Bpe::spell_bytes(std::string_view character, BpeWorkspace& workspace) const {
  const auto id_of_byte = [this](char c) { return byte_ids_[static_cast<unsigned char>(c)]; };
  if (std::any_of(character.begin(), character.end(), [&](char c) { return id_of_byte(c) == kNone; }))
    return false;
  for (const char c : character) workspace.ids_.push_back(static_cast<std::uint32_t>(id_of_byte(c)));
  return true;
}

namespace {

constexpr auto kLater = [](const auto& a, const auto& b) {
  return a.rank_and_position > b.rank_and_position;
};

}  // namespace

void Bpe::push_candidate(std::int32_t left, BpeWorkspace& workspace) const {
  const auto& symbols = workspace.symbols_;
  const auto& symbol = symbols[static_cast<std::size_t>(left)];
  if (symbol.next < 0) return;
  const std::uint32_t right_id = symbols[static_cast<std::size_t>(symbol.next)].id;
  const Merge* merge = merges_.find(symbol.id, right_id);
  if (merge == nullptr) return;
  const std::uint64_t key = std::uint64_t{merge->rank} << 32 | static_cast<std::uint32_t>(left);
  workspace.heap_.push_back({key, symbol.id, right_id, merge->id});
}

// Merges workspace.ids_ in place: always the pair of lowest rank, the leftmost of equals.
void Bpe::merge(BpeWorkspace& workspace) const {
  const std::size_t n = workspace.ids_.size();
  if (n < 2) return;
  require(n < static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()),
          "a piece of 2^31 characters or more");
  auto& symbols = workspace.symbols_;
  auto& heap = workspace.heap_;
  symbols.clear();
  heap.clear();
  const auto n_symbols = static_cast<std::int32_t>(n);
  for (std::int32_t i = 0; i < n_symbols; ++i) {
    symbols.push_back(
        {workspace.ids_[static_cast<std::size_t>(i)], i - 1, i + 1 < n_symbols ? i + 1 : -1, true});
  }
  for (std::int32_t i = 0; i < n_symbols; ++i) push_candidate(i, workspace);
  std::make_heap(heap.begin(), heap.end(), kLater);
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), kLater);
    const BpeWorkspace::Candidate best = heap.back();
    heap.pop_back();
    const auto position = static_cast<std::int32_t>(best.rank_and_position & 0xFFFFFFFFU);
    auto& left = symbols[static_cast<std::size_t>(position)];
    if (!left.alive || left.id != best.left || left.next < 0) continue;
    auto& right = symbols[static_cast<std::size_t>(left.next)];
    if (right.id != best.right) continue;
    left.id = best.merged;
    right.alive = false;
    left.next = right.next;
    if (left.next >= 0) symbols[static_cast<std::size_t>(left.next)].previous = position;
    for (const std::int32_t neighbour : {left.previous, position}) {
      if (neighbour < 0) continue;
      const std::size_t before = heap.size();
      push_candidate(neighbour, workspace);
      if (heap.size() > before) std::push_heap(heap.begin(), heap.end(), kLater);
    }
  }
  workspace.ids_.clear();
  for (std::int32_t i = 0; i >= 0; i = symbols[static_cast<std::size_t>(i)].next) {
    workspace.ids_.push_back(symbols[static_cast<std::size_t>(i)].id);
  }
}

}  // namespace kvcompare
