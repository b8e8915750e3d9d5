// How a sample is read, and when keys are evicted meanwhile. Definition: docs/semantics.md, section 1.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kvcompare {

enum class ProtocolKind {
  kDecode,    // chunk by chunk from the first token on, with an event after each
  kPrefill,   // the context in one chunk with one event at its end, then token by token without events
  kGenerate,  // the context in one chunk without an event, then chunk by chunk with an event after each
};

// Which keys a budget counts in the protocol generate.
enum class BudgetCounts {
  kAll,
  kGenerated,  // those after the context; the context's stay in any case
};

struct Protocol {
  ProtocolKind kind = ProtocolKind::kDecode;
  BudgetCounts budget_counts = BudgetCounts::kAll;
  friend bool operator==(const Protocol&, const Protocol&) = default;
};

std::string to_string(ProtocolKind kind);    // "decode", "prefill", "generate"
std::string to_string(BudgetCounts counts);  // "all", "generated"
std::optional<ProtocolKind> parse_protocol(std::string_view text);
std::optional<BudgetCounts> parse_budget_counts(std::string_view text);

}  // namespace kvcompare
