#include "presses/needs.h"

#include <type_traits>
#include <variant>

#include "common/errors.h"
#include "presses/scorer.h"

namespace kvcompare {
namespace {

at::Tensor given(const at::Tensor& tensor, bool is_needed, const char* name) {
  if (!is_needed) return {};
  require(tensor.defined(), std::string("an engine did not fill ") + name + ", which a scorer needs");
  return tensor;
}

// Names of what is asked for and not offered.
std::string refused(const Needs& asked, const Needs& offered) {
  std::string names;
  const auto look_at = [&](bool is_asked, bool is_offered, const char* name) {
    if (is_asked && !is_offered) names += (names.empty() ? "" : ", ") + std::string(name);
  };
  look_at(asked.hidden, offered.hidden, "hidden");
  look_at(asked.raw_q, offered.raw_q, "raw_q");
  look_at(asked.raw_k, offered.raw_k, "raw_k");
  look_at(asked.q, offered.q, "q");
  look_at(asked.k, offered.k, "k");
  look_at(asked.v, offered.v, "v");
  look_at(asked.attention, offered.attention, "attention");
  return names;
}

}  // namespace

Needs needs_of(const Scorer& scorer) {
  return std::visit(
      [](const auto& kind) -> Needs {
        if constexpr (std::is_same_v<std::decay_t<decltype(kind)>, NoScorer>)
          return {};
        else
          return kind->needs();
      },
      scorer);
}

void check_needs(const Scorer& scorer, const std::string& method) {
  Needs offered;
  std::string kind = "the baseline";
  if (std::holds_alternative<std::unique_ptr<FixedScorer>>(scorer)) {
    kind = "a fixed scorer is given hidden, raw_q, raw_k, q, k and v";
    offered = {.hidden = true, .raw_q = true, .raw_k = true, .q = true, .k = true, .v = true};
  } else if (std::holds_alternative<std::unique_ptr<LateScorer>>(scorer)) {
    kind = "a late scorer is given k and v";
    offered = {.k = true, .v = true};
  } else if (std::holds_alternative<std::unique_ptr<DriftingScorer>>(scorer)) {
    kind = "a drifting scorer is given raw_q, q, k and v";
    offered = {.raw_q = true, .q = true, .k = true, .v = true};
  } else if (std::holds_alternative<std::unique_ptr<ObservingScorer>>(scorer)) {
    kind = "an observing scorer is given attention";
    offered = {.attention = true};
  }
  const auto names = refused(needs_of(scorer), offered);
  if (!names.empty())
    throw ConfigError("methods", "the scorer of '" + method + "' needs " + names +
                                     ", which no engine gives to a scorer of its kind; " + kind);
}

void check_needs(const PressNeeds& needs, const std::string& method) {
  constexpr Needs kOfTokens{.hidden = true, .raw_q = true, .raw_k = true, .q = true, .k = true, .v = true};
  constexpr Needs kOfLayer{.raw_q = true, .q = true, .k = true, .v = true};
  auto of_chunk = kOfTokens;
  of_chunk.attention = true;
  const auto refuse = [&](const Needs& asked, const Needs& offered, const char* where, const char* given) {
    const auto names = refused(asked, offered);
    if (!names.empty())
      throw ConfigError("methods", "the press '" + method + "' needs " + names + " " + where +
                                       ", which no engine gives; there are " + given);
  };
  refuse(needs.tile, kOfTokens, "of a tile", "hidden, raw_q, raw_k, q, k and v");
  refuse(needs.layer, kOfLayer, "of a whole layer", "raw_q, q, k and v");
  refuse(needs.chunk, of_chunk, "of a chunk", "hidden, raw_q, raw_k, q, k, v and attention");
}

LayerView what_is_needed(const LayerView& view, const Needs& needs) {
  auto part = view;
  part.hidden = given(view.hidden, needs.hidden, "hidden");
  part.raw_q = given(view.raw_q, needs.raw_q, "raw_q");
  part.raw_k = given(view.raw_k, needs.raw_k, "raw_k");
  part.q = given(view.q, needs.q, "q");
  part.k = given(view.k, needs.k, "k");
  part.v = given(view.v, needs.v, "v");
  return part;
}

WholeHead what_is_needed(const WholeHead& head, const Needs& needs) {
  return {.raw_q = given(head.raw_q, needs.raw_q, "raw_q"),
          .q = given(head.q, needs.q, "q"),
          .k = given(head.k, needs.k, "k"),
          .v = given(head.v, needs.v, "v"),
          .rule = head.rule};
}

AliveKeys what_is_needed(const AliveKeys& keys, const Needs& needs) {
  return {.positions = keys.positions, .k = given(keys.k, needs.k, "k"), .v = given(keys.v, needs.v, "v")};
}

}  // namespace kvcompare
