// The worker's side of the collection of targets (common/messages/messages.h).
#pragma once

#include "common/messages/messenger.h"
#include "worker/model/model.h"

namespace kvcompare {

// Computes the targets of the prompts that it is given, until the coordinator says Stop. Computes n_threads
// prompts at once, one on each thread; no number depends on n_threads. Throws what kvzip_targets and the
// messenger throw.
//   hello : n_tokens_at_once is filled in here, from the longest context
void run_prompt_worker(Messenger& messenger, const Model& model, Hello hello, std::int64_t longest_context,
                       int n_threads);

}  // namespace kvcompare
