#pragma once

#include <string>

#include "common/method_spec.h"

namespace kvcompare {

// "streaming_llm:policy=ratio:compression_ratio=0.9:n_sink=4": the method and all parameters that it uses. What is spelled
// alike is one instance.
std::string instance_spelling(const MethodSpec& method);

}  // namespace kvcompare
