#include "coordinator/statistics/sweeps.h"

#include <algorithm>
#include <utility>

namespace kvcompare {
namespace {

using Parameter = std::pair<std::string, std::string>;  // flag, value

struct Group {
  MethodSpec spec;  // its strength is 0
  std::vector<MethodIndex> points;
};

MethodSpec without_strength(MethodSpec spec) {
  if (auto* ratio = std::get_if<RatioBudget>(&spec.policy)) ratio->compression_ratio = 0;
  if (auto* threshold = std::get_if<ScoreThreshold>(&spec.policy)) threshold->threshold = 0;
  return spec;
}

std::vector<Group> groups_of(const std::vector<MethodSpec>& methods) {
  std::vector<Group> groups;
  for (std::size_t m = 1; m < methods.size(); ++m) {
    auto spec = without_strength(methods[m]);
    auto group = std::ranges::find(groups, spec, &Group::spec);
    if (group == groups.end()) group = groups.insert(group, {std::move(spec), {}});
    group->points.emplace_back(static_cast<std::int64_t>(m));
  }
  return groups;
}

std::string value_of(const std::string& flag, const ScorerParameters& parameters) {
  if (flag == "seed") return std::to_string(parameters.seed);
  if (flag == "n_sink" || flag == "kvzap_n_sink") return std::to_string(parameters.n_sink);
  if (flag == "n_future_positions") return std::to_string(parameters.n_future_positions);
  if (flag == "use_covariance") return parameters.use_covariance ? "true" : "false";
  if (flag == "use_vnorm") return parameters.use_vnorm ? "true" : "false";
  return {};
}

std::vector<Parameter> parameters_of(const MethodSpec& spec) {
  std::vector<Parameter> parameters;
  if (const auto* threshold = std::get_if<ScoreThreshold>(&spec.policy))
    parameters = {{"policy", "threshold"},
                  {"sliding_window_size", std::to_string(threshold->sliding_window_size)}};
  else
    parameters = {{"policy", "ratio"}};
  for (const auto& flag : spec.reads) parameters.emplace_back(flag, value_of(flag, spec.parameters));
  return parameters;
}

// Another sweep of the method lacks it.
bool tells_apart(const Parameter& parameter, const MethodSpec& spec, const std::vector<Group>& groups) {
  return std::ranges::any_of(groups, [&](const Group& other) {
    return other.spec.name == spec.name && std::ranges::count(parameters_of(other.spec), parameter) == 0;
  });
}

std::string label_of(const MethodSpec& spec, const std::vector<Group>& groups) {
  std::string label = spec.display_name;
  for (const auto& parameter : parameters_of(spec))
    if (tells_apart(parameter, spec, groups)) label += " " + parameter.first + " " + parameter.second;
  return label;
}

}  // namespace

std::vector<Sweep> sweeps_of(const std::vector<MethodSpec>& methods) {
  const auto groups = groups_of(methods);
  std::vector<Sweep> sweeps;
  for (const Group& group : groups)
    if (group.points.size() > 1)
      sweeps.push_back({group.spec.display_name, label_of(group.spec, groups), group.points});
  return sweeps;
}

}  // namespace kvcompare
