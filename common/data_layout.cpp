#include "common/data_layout.h"

#include <array>

#include "common/errors.h"

namespace kvcompare {
namespace {

struct NamedLayout {
  DataLayout layout;
  std::string_view name;
};
constexpr std::array kLayouts{NamedLayout{DataLayout::kRuler, "ruler"},
                              NamedLayout{DataLayout::kLongBench, "longbench"},
                              NamedLayout{DataLayout::kScBench, "scbench"}};

}  // namespace

std::string to_string(DataLayout layout) {
  for (const auto& one : kLayouts)
    if (one.layout == layout) return std::string(one.name);
  throw InvariantError("a DataLayout without a name");
}

std::optional<DataLayout> parse_data_layout(std::string_view name) {
  for (const auto& one : kLayouts)
    if (one.name == name) return one.layout;
  return std::nullopt;
}

}  // namespace kvcompare
