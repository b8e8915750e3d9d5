#include "launch/session/contexts.h"

#include <algorithm>

namespace kvcompare {
namespace {

void complete(Sample& sample, const RunSpec& spec) {
  const auto n_tokens = std::ssize(sample.ids);
  const auto asked = spec.context_length ? spec.context_length : sample.n_context;
  sample.n_context = std::min(asked.value_or(n_tokens), n_tokens);
  if (sample.scored.empty() && !sample.has_nothing_scored && *sample.n_context < n_tokens) {
    sample.scored = {{std::max<std::int64_t>(*sample.n_context, 1), n_tokens}};
    sample.scored_text.reset();  // it was that of all tokens
  }
}

}  // namespace

void complete_contexts(std::span<Sample> samples, const RunSpec& spec) {
  for (auto& sample : samples) {
    if (spec.protocol == ProtocolKind::kDecode)
      sample.n_context.reset();
    else
      complete(sample, spec);
  }
}

}  // namespace kvcompare
