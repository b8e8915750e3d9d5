// What an instance is called where it must be found again: in the journal, in results.h5, in --methods.
#pragma once

#include <string>

#include "common/run/method_spec.h"

namespace kvcompare {

// Name and every parameter that it uses, in a fixed order, each number in its shortest form:
// "streaming_llm:policy=ratio:compression_ratio=0.9:n_sink=4". Two instances with the same name are the same.
std::string instance_name(const MethodSpec& method);

// A parameter as that name holds it.
std::string parameter_text(double value);
std::string parameter_text(std::int64_t value);
std::string parameter_text(std::uint64_t value);
std::string parameter_text(bool value);
inline std::string parameter_text(const std::string& value) { return value; }

}  // namespace kvcompare
