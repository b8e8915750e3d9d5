#pragma once

#include <string>

#include "common/ids.h"
#include "common/messages/messages.h"

namespace kvcompare {

// device_type: "cpu" or "cuda", as RunSpec has it; anything goes if empty. Throws ConfigError if the worker
// computes on another: its numbers would be rounded otherwise.
void check_same_device_type(Rank from, const Hello& hello, const std::string& device_type);

}  // namespace kvcompare
