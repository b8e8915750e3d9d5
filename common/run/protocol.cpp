#include "common/run/protocol.h"

#include <array>
#include <utility>

namespace kvcompare {
namespace {

constexpr std::array<std::pair<ProtocolKind, std::string_view>, 3> kKinds{
    {{ProtocolKind::kDecode, "decode"},
     {ProtocolKind::kPrefill, "prefill"},
     {ProtocolKind::kGenerate, "generate"}}};
constexpr std::array<std::pair<BudgetCounts, std::string_view>, 2> kCounts{
    {{BudgetCounts::kAll, "all"}, {BudgetCounts::kGenerated, "generated"}}};

template <class Names, class Value>
std::string name_in(const Names& names, Value wanted) {
  for (const auto& [value, name] : names)
    if (value == wanted) return std::string(name);
  return {};
}

template <class Names>
auto value_in(const Names& names, std::string_view wanted)
    -> std::optional<typename Names::value_type::first_type> {
  for (const auto& [value, name] : names)
    if (name == wanted) return value;
  return std::nullopt;
}

}  // namespace

std::string to_string(ProtocolKind kind) { return name_in(kKinds, kind); }
std::string to_string(BudgetCounts counts) { return name_in(kCounts, counts); }
std::optional<ProtocolKind> parse_protocol(std::string_view text) { return value_in(kKinds, text); }
std::optional<BudgetCounts> parse_budget_counts(std::string_view text) { return value_in(kCounts, text); }

}  // namespace kvcompare
