#pragma once

#include <string>

#include "common/ids.h"
#include "common/messages.h"

namespace kvcompare {

// model: SHA-256 of what the coordinator has read. Throws CheckpointError if the worker has read another one.
void check_same_model(Rank from, const Hello& hello, const std::string& model);

}  // namespace kvcompare
