// Keeps the most recent positions; with n_sink sinks this is StreamingLLM. Source: arXiv 2309.17453, section
// 3.2 (absolute positions, no re-rotation).
#pragma once

#include "presses/registry.h"

namespace kvcompare {

MethodDescription streaming_llm_method();

}  // namespace kvcompare
