#include "coordinator/reports/instance_groups.h"

#include <algorithm>

#include "coordinator/comparison/instance_label.h"

namespace kvcompare {

std::vector<InstanceGroup> instance_groups(const Comparison& comparison) {
  std::vector<InstanceGroup> groups;
  for (std::size_t place = 0; place < comparison.methods.size(); ++place) {
    const auto& name = comparison.methods[place].spec.display_name;
    const auto known = std::ranges::find(groups, name, &InstanceGroup::method_name);
    if (known == groups.end()) {
      groups.push_back({name, {place}});
    } else {
      known->places.push_back(place);
    }
  }
  return groups;
}

std::string setting_of(const MethodResult& method) {
  const auto& label = label_of(method);
  const auto name = method.spec.display_name + " ";
  return label.starts_with(name) ? label.substr(name.size()) : label;
}

}  // namespace kvcompare
