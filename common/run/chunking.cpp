#include "common/run/chunking.h"

#include <algorithm>

namespace kvcompare {

Chunking chunking_of(std::int64_t n_tokens, std::optional<std::int64_t> n_context, std::int64_t chunk_size,
                     const Protocol& protocol) {
  const auto context = std::min(n_context.value_or(n_tokens), n_tokens);
  switch (protocol.kind) {
    case ProtocolKind::kDecode:
      break;
    case ProtocolKind::kPrefill:
      return {.n_tokens = n_tokens,
              .chunk_size = std::max<std::int64_t>(context, 1),
              .events_from = 0,
              .events_until = context};
    case ProtocolKind::kGenerate:
      return {.n_tokens = n_tokens,
              .chunk_size = chunk_size,
              .events_from = context,
              .events_until = n_tokens,
              .n_uncounted = protocol.budget_counts == BudgetCounts::kGenerated ? context : 0};
  }
  return {.n_tokens = n_tokens, .chunk_size = chunk_size};
}

}  // namespace kvcompare
