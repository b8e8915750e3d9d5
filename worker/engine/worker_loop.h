// The worker's side of the protocol in common/messages/messages.h. It evaluates the units that it is assigned
// until it is told to stop.
#pragma once

#include <filesystem>

#include "common/messages/messenger.h"
#include "worker/engine/evaluator.h"

namespace kvcompare {

// Runs on the calling thread until the coordinator says Stop. Throws what Evaluator::evaluate and the
// messenger throw, and OutputError.
//   hello        : n_tokens_at_once is filled in here
//   computed_log : a file that gets a line for each unit evaluated, "SAMPLE INSTANCE digest"; several
//                  processes may append to the same file; empty: no file
void run_worker(Messenger& messenger, Evaluator& evaluator, Hello hello,
                const std::filesystem::path& computed_log = {});

}  // namespace kvcompare
