#include "common/run/numerics.h"

#include <array>

namespace kvcompare {
namespace {

std::string shown(const std::string& value) { return value.empty() ? "none" : value; }

}  // namespace

std::span<const NumericsField> numerics_fields() {
  static constexpr std::array kFields{NumericsField{"processor", &Numerics::processor},
                                      NumericsField{"libtorch", &Numerics::libtorch},
                                      NumericsField{"instruction_set", &Numerics::instruction_set},
                                      NumericsField{"cpu_capability", &Numerics::cpu_capability},
                                      NumericsField{"mkl", &Numerics::mkl},
                                      NumericsField{"cuda", &Numerics::cuda}};
  static_assert(sizeof(Numerics) == kFields.size() * sizeof(std::string), "a field is missing in the list");
  return kFields;
}

std::vector<std::string> differences(const Numerics& is, const Numerics& should_be) {
  std::vector<std::string> lines;
  for (const auto& [name, value] : numerics_fields())
    if (is.*value != should_be.*value)
      lines.push_back(std::string(name) + ": " + shown(is.*value) + ", not " + shown(should_be.*value));
  return lines;
}

}  // namespace kvcompare
