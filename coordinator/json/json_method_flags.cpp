#include "coordinator/json/json_method_flags.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "common/run/instance_name.h"
#include "common/run/method_parameters.h"

namespace kvcompare {
namespace {

struct FlagSetting {
  std::string text;
  OrderedJson json;
};

using SettingsByFlag = std::map<std::string, FlagSetting, std::less<>>;  // by flag

// A name has them only where they are not uniform.
void put_uniform_shares(SettingsByFlag& values) {
  const BudgetShares uniform;
  for (const auto* flag : {"layer_budgets", "head_budgets"})
    values.emplace(flag, FlagSetting{std::string(kUniformBudgets), OrderedJson(kUniformBudgets)});
  values.emplace("pyramid_beta", FlagSetting{parameter_text(uniform.pyramid_beta), uniform.pyramid_beta});
  values.emplace("alpha_safeguard",
                 FlagSetting{parameter_text(uniform.alpha_safeguard), uniform.alpha_safeguard});
}

// The hash of a scorer stands for the place where the scorer lies.
SettingsByFlag values_of(const MethodSpec& method) {
  const auto* place = find_parameter(method, ParameterRole::kPlace);
  SettingsByFlag values;
  visit_used(method, [&](std::string_view flag, const auto& value) {
    const bool is_hash = role_of(flag) == ParameterRole::kHash && place;
    values.emplace(is_hash ? place->name : flag, FlagSetting{parameter_text(value), OrderedJson(value)});
  });
  if (!std::holds_alternative<KeepAll>(method.policy))  // a name has them only where they are not 0
    for (const auto* flag : {"protect_first", "protect_last"})
      values.emplace(flag, FlagSetting{parameter_text(std::int64_t{0}), OrderedJson(0)});
  if (has_budget(method.policy)) put_uniform_shares(values);
  return values;
}

// The flags of a sweep: every value of a flag is combined with every value of the other flags.
class Lists {
 public:
  explicit Lists(const std::vector<MethodSpec>& methods) {
    for (const auto& method : methods)
      for (auto& [flag, value] : values_of(method)) {
        auto& list = lists_[flag];
        if (std::ranges::find(list, value.text, &FlagSetting::text) == list.end())
          list.push_back(std::move(value));
      }
  }

  // The instance `at` of the combinations, in the order of launch/command_line/sweep.h, has these values.
  bool is_combination(const MethodSpec& method, std::size_t at) const {
    const auto values = values_of(method);
    const auto flags = swept_flags(method);
    for (auto flag = flags.rbegin(); flag != flags.rend(); ++flag) {
      const auto& list = lists_.at(*flag);
      if (values.at(*flag).text != list[at % list.size()].text) return false;
      at /= list.size();
    }
    return at == 0;
  }

  std::size_t n_combinations(const MethodSpec& method) const {
    std::size_t n = 1;
    for (const auto& flag : swept_flags(method)) n *= lists_.at(flag).size();
    return n;
  }

  void put(OrderedJson& json) const {
    for (const auto& [flag, list] : lists_) {
      if (flag == "policy" || role_of(flag) == ParameterRole::kPlace) continue;
      if (is_left_out(flag, list)) continue;
      if (list.size() == 1) {
        json[flag] = list.front().json;
      } else if (role_of(flag) !=
                 ParameterRole::kKind) {  // takes one value: what each scorer says need not be said
        for (const auto& value : list) json[flag].push_back(value.json);
      }
    }
  }

 private:
  // Nothing is protected, all budgets are uniform: that need not be said.
  static bool is_left_out(const std::string& flag, const std::vector<FlagSetting>& list) {
    if (list.size() != 1) return false;
    SettingsByFlag uniform;
    put_uniform_shares(uniform);
    const auto share = uniform.find(flag);
    return share != uniform.end() ? list.front().text == share->second.text
                                  : flag.starts_with("protect_") && list.front().text == "0";
  }

  std::map<std::string, std::vector<FlagSetting>, std::less<>> lists_;
};

// Returns the value of --policy that gives each instance its policy: "auto", or the policy that all instances
// have. Absent if there is no such value.
std::optional<std::string> common_policy(const std::vector<MethodSpec>& methods) {
  if (std::ranges::all_of(methods, &MethodSpec::has_own_policy)) return "auto";
  std::optional<std::string> policy;
  for (const auto& method : methods) {
    const auto values = values_of(method);
    const auto own = values.find("policy");
    if (own == values.end()) continue;
    if (policy && *policy != own->second.text) return std::nullopt;
    policy = own->second.text;
  }
  return policy;
}

// Returns the names of the methods in order, if the instances of each are all combinations.
std::optional<std::vector<std::string>> names_of_sweeps(const std::vector<MethodSpec>& methods,
                                                        const Lists& lists) {
  std::vector<std::string> names;
  for (std::size_t begin = 0; begin < methods.size();) {
    const auto& first = methods[begin];
    if (std::ranges::find(names, first.name) != names.end()) return std::nullopt;
    names.push_back(first.name);
    const auto n = lists.n_combinations(first);
    for (std::size_t i = 0; i < n; ++i, ++begin)
      if (begin == methods.size() || methods[begin].name != first.name ||
          !lists.is_combination(methods[begin], i))
        return std::nullopt;
  }
  return names;
}

// A scorer that all instances share need not be named: --config accepts the names with any place of a scorer.
std::vector<std::string> names_of_instances(const std::vector<MethodSpec>& methods) {
  std::map<std::string, std::set<std::string>> scorers;  // by the name of their hash
  for (const auto& method : methods)
    if (const auto* hash = find_parameter(method, ParameterRole::kHash))
      scorers[hash->name].insert(":" + hash->name + "=" + value_as<std::string>(*hash));
  std::vector<std::string> names;
  for (const auto& method : methods) {
    auto name = instance_name(method);
    if (const auto* hash = find_parameter(method, ParameterRole::kHash);
        hash && scorers.at(hash->name).size() == 1) {
      const auto& shared = *scorers.at(hash->name).begin();
      name.erase(name.find(shared), shared.size());
    }
    names.push_back(std::move(name));
  }
  return names;
}

}  // namespace

OrderedJson json_method_flags(const std::vector<MethodSpec>& methods) {
  OrderedJson json;
  const Lists lists(methods);
  const auto policy = common_policy(methods);
  if (const auto names = policy ? names_of_sweeps(methods, lists) : std::nullopt) {
    json["methods"] = *names;
    json["policy"] = *policy;
    lists.put(json);
  } else {
    json["methods"] = names_of_instances(methods);
  }
  return json;
}

}  // namespace kvcompare
