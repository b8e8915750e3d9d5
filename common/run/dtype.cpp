#include "common/run/dtype.h"

#include <array>
#include <utility>

#include "common/errors.h"

namespace kvcompare {
namespace {
constexpr std::array<std::pair<Dtype, std::string_view>, 4> kNames{{{Dtype::kFloat64, "float64"},
                                                                    {Dtype::kFloat32, "float32"},
                                                                    {Dtype::kBFloat16, "bfloat16"},
                                                                    {Dtype::kFloat16, "float16"}}};
}  // namespace

std::string to_string(Dtype dtype) {
  for (const auto& [value, name] : kNames)
    if (value == dtype) return std::string(name);
  return {};
}

std::optional<Dtype> parse_dtype(std::string_view text) {
  for (const auto& [value, name] : kNames)
    if (name == text) return value;
  return std::nullopt;
}

std::int64_t bytes_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::kFloat64:
      return 8;
    case Dtype::kFloat32:
      return 4;
    case Dtype::kBFloat16:
    case Dtype::kFloat16:
      return 2;
  }
  throw InvariantError("a dtype without a size");
}

}  // namespace kvcompare
