#include "coordinator/statistics/sweeps.h"

#include <algorithm>
#include <utility>

#include "common/run/instance_name.h"
#include "coordinator/comparison/instance_labels.h"

namespace kvcompare {
namespace {

struct Group {
  MethodSpec spec;   // with its strength set to 0
  std::string name;  // of that instance
  std::vector<MethodIndex> points;
};

MethodSpec without_strength(MethodSpec spec) {
  if (auto* ratio = std::get_if<RatioBudget>(&spec.policy)) ratio->compression_ratio = 0;
  if (auto* size = std::get_if<SizeBudget>(&spec.policy)) size->cache_size = 0;
  if (auto* threshold = std::get_if<ScoreThreshold>(&spec.policy)) threshold->threshold = 0;
  return spec;
}

std::vector<Group> groups_of(const std::vector<MethodSpec>& methods) {
  std::vector<Group> groups;
  for (std::size_t m = 1; m < methods.size(); ++m) {
    auto spec = without_strength(methods[m]);
    auto name = instance_name(spec);
    auto group = std::ranges::find(groups, name, &Group::name);
    if (group == groups.end()) group = groups.insert(group, {std::move(spec), std::move(name), {}});
    group->points.emplace_back(static_cast<std::int64_t>(m));
  }
  return groups;
}

}  // namespace

std::vector<Sweep> sweeps_of(const std::vector<MethodSpec>& methods) {
  const auto groups = groups_of(methods);
  std::vector<MethodSpec> specs;
  for (const Group& group : groups) specs.push_back(group.spec);
  const auto labels = instance_labels(specs);
  std::vector<Sweep> sweeps;
  for (std::size_t g = 0; g < groups.size(); ++g)
    if (groups[g].points.size() > 1)
      sweeps.push_back({groups[g].spec.display_name, labels[g], groups[g].points});
  return sweeps;
}

}  // namespace kvcompare
