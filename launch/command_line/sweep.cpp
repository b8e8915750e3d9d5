#include "launch/command_line/sweep.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "common/errors.h"
#include "common/run/found_threshold.h"
#include "common/run/method_parameters.h"
#include "launch/command_line/flag_table.h"
#include "launch/command_line/flag_value.h"
#include "launch/command_line/nearest_name.h"

namespace kvcompare {
namespace {

using Texts = std::vector<std::string>;

struct Axis {
  const Flag* flag;
  Texts values;
};

constexpr const char* kThreshold = "threshold";
const std::string kTarget(kTargetDensity);

bool contains(const Texts& words, const std::string& word) {
  return std::ranges::find(words, word) != words.end();
}

bool fixes(const MethodItem& item, const std::string& flag) {
  return std::ranges::find(item.fixed, flag, &std::pair<std::string, std::string>::first) != item.fixed.end();
}

// What an item of --methods may give for itself.
Texts parameters_of(const MethodSpec& method) {
  auto flags = swept_flags(method);
  if (contains(flags, kThreshold)) flags.push_back(kTarget);
  if (!std::holds_alternative<KeepAll>(method.policy)) flags.emplace_back("policy");
  if (const auto* kind = find_parameter(method, ParameterRole::kKind)) flags.push_back(kind->name);
  return flags;
}

bool is_of_any_method(const std::string& flag) {
  for (const auto& method : methods())
    for (const auto* policy : {"ratio", "size", "threshold"}) {
      if (method.protects_latest && std::string_view(policy) == "threshold") continue;  // it has none
      MethodFlags with_policy;
      with_policy.policy = policy;
      const auto flags = parameters_of(make_method_spec(method, with_policy));
      if (std::ranges::find(flags, flag) != flags.end()) return true;
    }
  return false;
}

// A number of budgets that are not shared in its way.
bool is_idle_share(const std::string& flag, const MethodSpec& method) {
  return (flag == "pyramid_beta" && method.shares.layers != LayerBudgets::kPyramid) ||
         (flag == "alpha_safeguard" && method.shares.heads != HeadBudgets::kAdaptive);
}

// The combinations of one item.
class Combinations {
 public:
  Combinations(const MethodItem& item, const Settings& settings, const std::string& origin)
      : item_(item), settings_(settings), origin_(origin) {
    for (const auto& [name, value] : item.fixed)  // these decide what else is used
      if ((name == "policy" || role_of(name) == ParameterRole::kKind) && find_flag(compare_flags(), name))
        assign(name, value, settings_);
    const auto prototype = make_method_spec(*item.method, settings_.flags);
    check_fixed(prototype);
    for (const auto& name : swept_flags(prototype))
      axes_.push_back(axis(name == kThreshold && seeks_threshold() ? kTarget : name));
  }

  // kMostInstances + 1 if there are more.
  std::size_t n() const {
    std::size_t product = 1;
    for (const auto& axis : axes_) product = std::min(product * axis.values.size(), kMostInstances + 1);
    return product;
  }

  std::string n_text() const {
    std::string text;
    for (const auto& axis : axes_)
      if (axis.values.size() > 1)
        text += (text.empty() ? "" : " x ") + std::to_string(axis.values.size()) + " values of " +
                axis.flag->name;
    return text;
  }

  MethodSpec at(std::size_t place) const {
    auto settings = settings_;
    for (auto axis = axes_.rbegin(); axis != axes_.rend(); ++axis) {
      assign(axis->flag->name, axis->values[place % axis->values.size()], settings);
      place /= axis->values.size();
    }
    auto instance = make_method_spec(*item_.method, settings.flags);
    return seeks_threshold() && std::holds_alternative<ScoreThreshold>(instance.policy)
               ? with_target_density(std::move(instance), settings.target_density.value())
               : instance;
  }

 private:
  // What the item gives for itself goes before what the run gives.
  bool seeks_threshold() const {
    return fixes(item_, kTarget) || (settings_.lists.contains(kTarget) && !fixes(item_, kThreshold));
  }

  void assign(const std::string& name, const std::string& value, Settings& settings) const {
    const Flag& flag = *find_flag(compare_flags(), name);
    const auto& assign_one = flag.value.assign_one ? flag.value.assign_one : flag.value.assign;
    if (!assign_one(settings, value))
      throw ConfigError(origin_, "'" + item_.spelling + "': " + name + ": '" + value +
                                     "' is not accepted; give " + flag.value.accepted);
  }

  void check_fixed(const MethodSpec& prototype) const {
    if (fixes(item_, kThreshold) && fixes(item_, kTarget))
      throw ConfigError(origin_, "'" + item_.spelling + "': " + kTarget +
                                     " finds the threshold that threshold gives; leave one of them out");
    const auto known = parameters_of(prototype);
    for (const auto& [name, value] : item_.fixed) {
      if (std::ranges::find(known, name) != known.end()) continue;
      const auto* place = find_parameter(prototype, ParameterRole::kPlace);
      if (place && name == hash_name(place->name))
        throw ConfigError(origin_, "'" + item_.spelling + "': " + name +
                                       " is how results name a scorer, by its SHA-256; write " + place->name +
                                       "=FOLDER in its place, or let kvcompare rerun do so");
      const std::string method(item_.method->name);
      const auto nearest = suggestion(name, known);
      const std::string what = known.empty()            ? method + " has no parameters"
                               : is_of_any_method(name) ? method + " does not use " + name
                                                        : method + " has no parameter '" + name + "'";
      throw ConfigError(origin_,
                        "'" + item_.spelling + "': " + what +
                            (known.empty() ? "" : "; " + nearest + "it uses " + joined(known, ", ")));
    }
  }

  Axis axis(const std::string& name) const {
    const Flag* flag = find_flag(compare_flags(), name);
    for (const auto& [fixed, value] : item_.fixed)
      if (fixed == name) return {flag, {value}};
    const auto list = settings_.lists.find(name);
    if (list != settings_.lists.end()) return {flag, list->second};
    return {flag, {flag->value.shown(settings_)}};
  }

  const MethodItem& item_;
  Settings settings_;
  std::string origin_;
  std::vector<Axis> axes_;
};

}  // namespace

std::vector<MethodSpec> make_instances(const std::vector<MethodItem>& items, const Settings& settings,
                                       const std::string& origin) {
  std::vector<MethodSpec> instances;
  std::size_t n_most = 0;  // before those that are the same are dropped
  for (const auto& item : items) {
    const Combinations combinations(item, settings, origin);
    n_most += combinations.n();
    if (n_most > kMostInstances + 1)
      throw ConfigError(origin, std::string(item.method->name) + " makes more than " +
                                    std::to_string(kMostInstances) + " instances of this run" +
                                    (combinations.n_text().empty() ? "" : ": " + combinations.n_text()) +
                                    "; give fewer values");
    for (std::size_t i = 0; i < combinations.n(); ++i) {
      auto instance = combinations.at(i);
      if (std::ranges::find(instances, instance) != instances.end()) continue;
      const auto is_other = [&](const MethodSpec& other) { return other.name != instance.name; };
      auto last = std::find_if_not(instances.rbegin(), instances.rend(), is_other).base();
      instances.insert(last == instances.begin() ? instances.end() : last, std::move(instance));
    }
  }
  return instances;
}

FlagUse use_of(const std::string& flag, const std::vector<MethodItem>& items,
               const std::vector<MethodSpec>& instances) {
  const bool is_of_threshold = flag == kThreshold || flag == kTarget;
  const auto has_own = [&](const MethodItem& item) {
    return fixes(item, flag) || (is_of_threshold && (fixes(item, kThreshold) || fixes(item, kTarget)));
  };
  auto use = FlagUse::kNone;
  for (const auto& instance : instances) {
    if (!contains(parameters_of(instance), flag) || is_idle_share(flag, instance)) continue;
    use = FlagUse::kOwnOnly;
    for (const auto& item : items)
      if (item.method->name == instance.name && !has_own(item)) return FlagUse::kRead;
  }
  return use;
}

}  // namespace kvcompare
