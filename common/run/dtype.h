// Number format of the computation; not of the checkpoint, which may be another.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kvcompare {

enum class Dtype { kFloat64, kFloat32, kBFloat16, kFloat16 };

std::string to_string(Dtype dtype);  // "float64", "float32", "bfloat16", "float16"
std::optional<Dtype> parse_dtype(std::string_view text);

std::int64_t bytes_of(Dtype dtype);  // of one number

}  // namespace kvcompare
