#pragma once

#include <string>

#include "common/ids.h"
#include "common/messages/messages.h"

namespace kvcompare {

// Throws ConfigError if the worker computes on another type of device, because its numbers would be rounded
// differently.
//   device_type : "cpu" or "cuda", as in RunSpec; empty: any type is accepted
void check_same_device_type(Rank from, const Hello& hello, const std::string& device_type);

}  // namespace kvcompare
