#include "coordinator/comparison/instance_labels.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "common/errors.h"
#include "common/run/instance_name.h"
#include "common/run/method_parameters.h"

namespace kvcompare {
namespace {

constexpr std::size_t kDigitsOfHash = 8;

using Parameters = std::vector<std::pair<std::string, std::string>>;  // flag and value, in order

Parameters parameters_of(const MethodSpec& method) {
  Parameters parameters;
  visit_used(method, [&](std::string_view flag, const auto& value) {
    parameters.emplace_back(flag, parameter_text(value));
  });
  return parameters;
}

// "0.75", "512 keys", "τ -6", "n_sink 8", "pyramid"
std::string shown(const std::string& flag, const std::string& value) {
  if (flag == "compression_ratio") return value;
  if (flag == "cache_size") return value + " keys";
  if (flag == "threshold") return "τ " + value;
  if (flag == "layer_budgets" || flag == "head_budgets") return value;
  if (role_of(flag) == ParameterRole::kHash)
    return (flag.ends_with("_scorer") ? "scorer " : "scores ") + value.substr(0, kDigitsOfHash);
  return flag + " " + value;
}

// The values that the instances of one method have for each parameter; "" for an instance that does not use
// it.
using Values = std::map<std::string, std::set<std::string>>;

Values values_of(const std::vector<Parameters>& instances) {
  Values values;
  for (const auto& instance : instances)
    for (const auto& [flag, value] : instance) values[flag].insert(value);
  for (const auto& instance : instances) {
    std::set<std::string> used;
    for (const auto& [flag, value] : instance) used.insert(flag);
    for (auto& [flag, texts] : values)
      if (!used.contains(flag)) texts.insert("");
  }
  return values;
}

// Methods whose display names tell what their instances read: "External my_scores".
std::set<std::string> told_by_display_name(const std::vector<MethodSpec>& methods) {
  std::map<std::string, std::map<std::string, std::set<std::string>>> hashes;  // method, display name
  for (const auto& method : methods)
    hashes[method.name][method.display_name].insert(text_of_role(method, ParameterRole::kHash));
  std::set<std::string> told;
  for (const auto& [name, by_display_name] : hashes)
    if (std::ranges::all_of(by_display_name, [](const auto& entry) { return entry.second.size() == 1; }))
      told.insert(name);
  return told;
}

// Whether a label names the parameter. "policy" is left out, because the policy's parameters show which one
// it is. Where the instances that have the number of a shared budget have the same, its name says enough.
bool is_told(const std::string& flag, const std::set<std::string>& values) {
  if (flag == "pyramid_beta" || flag == "alpha_safeguard") return values.size() - values.count("") > 1;
  return flag != "policy" && values.size() > 1;
}

}  // namespace

std::vector<std::string> instance_labels(const std::vector<MethodSpec>& methods) {
  std::map<std::string, std::vector<Parameters>> by_method;
  for (const auto& method : methods) by_method[method.name].push_back(parameters_of(method));
  std::map<std::string, Values> values;
  for (const auto& [name, instances] : by_method) values[name] = values_of(instances);
  const auto told = told_by_display_name(methods);
  std::vector<std::string> labels;
  for (const auto& method : methods) {
    auto label = method.display_name;
    for (const auto& [flag, value] : parameters_of(method)) {
      if (role_of(flag) == ParameterRole::kHash && told.contains(method.name)) continue;
      if (is_told(flag, values.at(method.name).at(flag))) label += " " + shown(flag, value);
    }
    labels.push_back(std::move(label));
  }
  require(std::set(labels.begin(), labels.end()).size() == labels.size(),
          "two instances have the same label, though they differ");
  return labels;
}

}  // namespace kvcompare
