#include "coordinator/reports/protocol_text.h"

#include "common/plural.h"

namespace kvcompare {
namespace {

std::string after_every(const RunSpec& spec) {
  return "an eviction after every " +
         (spec.chunk_size == 1 ? std::string("token") : std::to_string(spec.chunk_size) + " tokens");
}

std::string context_of(const RunSpec& spec) {
  if (!spec.context_length) return "the context that the data names, or the whole sample,";
  if (*spec.context_length == kWholeSample) return "the whole sample";
  return "a context of " + counted(*spec.context_length, "token");
}

}  // namespace

std::string protocol_sentence(const RunSpec& spec) {
  switch (spec.protocol) {
    case ProtocolKind::kDecode:
      break;
    case ProtocolKind::kPrefill:
      return "prefill: " + context_of(spec) + " is read at once, with one eviction at its end; none follows";
    case ProtocolKind::kGenerate:
      return "generate: " + context_of(spec) + " is read at once and never evicted; then " +
             after_every(spec) +
             (spec.budget_counts == BudgetCounts::kGenerated ? "; budgets count the keys after the context"
                                                             : "");
  }
  return after_every(spec);
}

std::string protocol_words(const RunSpec& spec) {
  if (spec.protocol == ProtocolKind::kPrefill) return "prefill";
  const auto chunks = "chunk size " + std::to_string(spec.chunk_size);
  return spec.protocol == ProtocolKind::kGenerate ? "generate, " + chunks : chunks;
}

}  // namespace kvcompare
