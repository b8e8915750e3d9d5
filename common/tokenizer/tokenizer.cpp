#include "common/tokenizer/tokenizer.h"

#include <algorithm>
#include <optional>
#include <string>
#include <system_error>

#include <nlohmann/json.hpp>

#include "common/errors.h"
#include "common/tokenizer/added_tokens.h"
#include "common/tokenizer/bpe.h"
#include "common/tokenizer/encode_workspaces.h"
#include "common/tokenizer/json_file.h"
#include "common/tokenizer/json_node.h"
#include "common/tokenizer/normalizer.h"
#include "common/tokenizer/post_processor.h"
#include "common/tokenizer/pre_tokenizer.h"
#include "common/tokenizer/tokenizer_config.h"
#include "common/tokenizer/tokenizer_file.h"
#include "common/utf8.h"

namespace kvcompare {
namespace {

void check_document(const JsonNode& root) {
  root.allow_keys({"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer",
                   "post_processor", "decoder", "model"});
  if (const auto version = root.find("version"); version && version->string() != "1.0") {
    version->fail("\"" + version->string() + "\" is not known; accepted: \"1.0\"");
  }
}

}  // namespace

struct Tokenizer::Parts {
  Parts(std::string file_, const JsonNode& root, MatchWorkspace& workspace)
      : file(std::move(file_)), model(Bpe::from_json(root.at("model"))) {
    if (const auto node = root.find("normalizer")) normalizer = Normalizer::from_json(*node);
    if (const auto node = root.find("pre_tokenizer")) pre_tokenizer = PreTokenizer::from_json(*node);
    if (const auto node = root.find("post_processor")) post_processor = PostProcessor::from_json(*node);
    if (const auto node = root.find("added_tokens")) {
      added_tokens = AddedTokens::from_json(*node, model, normalizer, workspace);
    }
  }

  void encode(std::string_view utf8, EncodeWorkspace& workspace, Sink& sink) const;
  std::optional<TokenId> id_of(std::string_view token) const;
  AddedAroundTexts added_around_texts() const;
  void encode_segment(NormalizedText text, EncodeWorkspace& workspace, Sink& sink) const;
  void encode_piece(NormalizedText text, EncodeWorkspace& workspace, Sink& sink) const;

  std::string file;  // as messages name it
  Bpe model;
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  PostProcessor post_processor;
  AddedTokens added_tokens;
  std::vector<std::string> warnings;
  mutable EncodeWorkspaces workspaces;
};

std::optional<TokenId> Tokenizer::Parts::id_of(std::string_view token) const {
  if (const auto id = model.id_of(token)) return TokenId{*id};
  if (const auto id = added_tokens.id_of(token)) return TokenId{*id};
  return std::nullopt;
}

AddedAroundTexts Tokenizer::Parts::added_around_texts() const {
  constexpr TokenId kText = -1;
  const auto ids = post_processor.apply({kText}, SpecialTokens::kAdd);
  AddedAroundTexts added{
      .first = {}, .last = {}, .id_of = [this](std::string_view token) { return id_of(token); }};
  if (!ids.empty() && ids.front() != kText) added.first = ids.front();
  if (!ids.empty() && ids.back() != kText) added.last = ids.back();
  return added;
}

// Where tokens go. What they stand for is found only if somebody asks.
struct Tokenizer::Sink {
  EncodedText text;
  bool with_bytes;

  void put(std::uint32_t id, const Range& bytes) {
    text.ids.push_back(id);
    if (with_bytes) text.bytes.push_back(bytes);
  }
};

// Encodes text in which the raw added tokens have been found already: normalizes it, then finds the added
// tokens that are matched after normalizing.
void Tokenizer::Parts::encode_segment(NormalizedText text, EncodeWorkspace& workspace, Sink& sink) const {
  const NormalizedText normal = normalizer.apply(std::move(text), workspace.match);
  for (const Segment& segment : added_tokens.normalized().find_all(normal.text, workspace.match)) {
    const auto [begin, end] = segment.span;
    if (segment.id) {
      sink.put(*segment.id, range_of(joined(normal.origins, segment.span)));
    } else {
      const std::size_t head_bytes = std::clamp(normal.head_bytes, begin, end) - begin;
      encode_piece(
          {normal.text.substr(begin, end - begin), head_bytes, part_of(normal.origins, segment.span)},
          workspace, sink);
    }
  }
}

void Tokenizer::Parts::encode_piece(NormalizedText text, EncodeWorkspace& workspace, Sink& sink) const {
  const Pieces pieces = pre_tokenizer.apply(std::move(text), workspace.match);
  auto& ids = sink.text.ids;
  for (const Span& span : pieces.spans) {
    if (!sink.with_bytes) {
      const std::span<const std::uint32_t> tokens = model.tokenize(pieces.piece(span), workspace.bpe);
      ids.insert(ids.end(), tokens.begin(), tokens.end());
      continue;
    }
    for (const PieceToken& token : model.tokenize_with_spans(pieces.piece(span), workspace.bpe))
      sink.put(token.id, range_of(joined(pieces.origins,
                                         {span.begin + token.span.begin, span.begin + token.span.end})));
  }
}

Tokenizer::Tokenizer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

Tokenizer Tokenizer::load(const std::filesystem::path& folder_or_file) {
  const std::filesystem::path file = tokenizer_file(folder_or_file);
  const std::string name = file.string();
  const nlohmann::json document = read_json_file(file);
  const JsonNode root(name, document);
  check_document(root);
  MatchWorkspace workspace;
  auto parts = std::make_unique<Parts>(name, root, workspace);
  if (file.filename() == "tokenizer.json") {
    refuse_what_changes_ids(file.parent_path(), root);
    parts->warnings = warnings_beside(file.parent_path(), root, parts->added_around_texts());
  }
  return Tokenizer(std::move(parts));
}

void Tokenizer::encode_into(Sink& sink, std::string_view utf8) const {
  if (const auto bad = find_invalid_utf8(utf8)) {
    throw InvariantError("the text to encode is not valid UTF-8 at byte " + std::to_string(*bad));
  }
  const EncodeWorkspaces::Loan loan = parts_->workspaces.lend();
  try {
    parts_->encode(utf8, *loan, sink);
  } catch (const MatchError& error) {
    throw CheckpointError(parts_->file, "", error.what());
  }
}

void Tokenizer::Parts::encode(std::string_view utf8, EncodeWorkspace& workspace, Sink& sink) const {
  for (const Segment& segment : added_tokens.raw().find_all(utf8, workspace.match)) {
    const auto [begin, end] = segment.span;
    if (segment.id) {
      sink.put(*segment.id, {static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end)});
    } else {
      const std::string_view text = utf8.substr(begin, end - begin);
      encode_segment({std::string(text), begin == 0 ? first_character_bytes(text) : 0,
                      sink.with_bytes ? origins_of(text, begin) : Origins()},
                     workspace, sink);
    }
  }
}

std::vector<TokenId> Tokenizer::encode(std::string_view utf8, SpecialTokens special) const {
  Sink sink{{}, false};
  encode_into(sink, utf8);
  return parts_->post_processor.apply(std::move(sink.text.ids), special);
}

EncodedText Tokenizer::encode_with_bytes(std::string_view utf8, SpecialTokens special) const {
  Sink sink{{}, true};
  encode_into(sink, utf8);
  return parts_->post_processor.apply(std::move(sink.text), special);
}

const std::vector<std::string>& Tokenizer::warnings() const { return parts_->warnings; }

std::int64_t Tokenizer::vocab_size() const {
  const std::uint32_t largest =
      std::max({parts_->model.largest_id(), parts_->added_tokens.largest_id().value_or(0),
                parts_->post_processor.largest_id().value_or(0)});
  return std::int64_t{largest} + 1;
}

}  // namespace kvcompare
