// The worker's side of the protocol in common/messages.h: evaluates what it is assigned until it is told to
// stop.
#pragma once

#include <string>

#include "common/messenger.h"
#include "worker/evaluator.h"

namespace kvcompare {

// Runs on the calling thread. Throws what Evaluator::evaluate and the messenger throw.
void run_worker(Messenger& messenger, Evaluator& evaluator, const std::string& device);

}  // namespace kvcompare
