#include "launch/command_line/presses_text.h"

#include "common/run/method_parameters.h"
#include "launch/command_line/flag_table.h"
#include "launch/command_line/wrapped_text.h"
#include "presses/registry.h"

namespace kvcompare {
namespace {

constexpr std::size_t kColumn = 22;

std::string policy_text(DefaultPolicy policy) {
  switch (policy) {
    case DefaultPolicy::kNone:
      return "none: nothing is evicted";
    case DefaultPolicy::kRatio:
      return "ratio";
    case DefaultPolicy::kThreshold:
      return "threshold";
  }
  return "";
}

std::string parameter_text(std::string_view name) {
  const Flag* flag = find_flag(compare_flags(), name);
  if (flag == nullptr) return std::string(name);
  const std::string value = flag->value.shown(Settings{});
  return std::string(name) + "=" + (value.empty() ? "(" + flag->absent + ")" : value);
}

std::string parameters_text(const MethodDescription& method) {
  std::vector<std::string_view> names;
  for (const auto& flag : method.parameters) names.push_back(flag.name);
  if (method.policy == DefaultPolicy::kRatio) names.insert(names.begin(), "compression_ratio");
  if (method.policy == DefaultPolicy::kThreshold)
    names.insert(names.begin(), {"threshold", "sliding_window_size"});
  std::string text;
  for (const std::string_view name : names) text += (text.empty() ? "" : ", ") + parameter_text(name);
  return text.empty() ? "none" : text;
}

std::string aliases_text(const MethodDescription& method) {
  std::string text(method.display_name);
  for (const std::string_view alias : method.aliases) text += ", " + std::string(alias);
  return text;
}

std::string protected_text(const MethodDescription& method) {
  if (method.policy == DefaultPolicy::kNone) return "all";
  std::string text;
  for (const auto& flag : method.parameters)
    if (role_of(flag.name) == ParameterRole::kSinks) text = std::string(flag.name) + " first positions";
  if (method.protects_latest) text += std::string(text.empty() ? "" : ", and ") + "latest keys: see score";
  return text.empty() ? "none" : text;
}

// "snapkv with head_budgets=adaptive (AdaKV, arXiv 2407.11550)"
std::string variant_text(const MethodDescription& method, const MethodVariant& variant) {
  std::string fixed;
  for (const auto& [flag, value] : variant.fixed)
    fixed += (fixed.empty() ? "" : ", ") + std::string(flag) + "=" + std::string(value);
  return std::string(method.name) + " with " + fixed + " (" + std::string(variant.source) + ")";
}

}  // namespace

std::string press_text(const MethodDescription& method) {
  std::string text =
      std::string(method.name) + (method.in_all ? "" : "  (part of `every`, not of `all`)") + "\n";
  text += labelled("score", method.summary, kColumn);
  text += labelled("policy", policy_text(method.policy), kColumn);
  text += labelled("parameters", parameters_text(method), kColumn);
  text += labelled("protected", protected_text(method), kColumn);
  text += labelled("other spellings", aliases_text(method), kColumn);
  if (!method.source.empty()) text += labelled("source", method.source, kColumn);
  for (const auto& variant : method.variants)
    text += labelled(std::string(variant.name), variant_text(method, variant), kColumn);
  return text;
}

std::string presses_text() {
  std::string text =
      "Methods for --methods. A scorer says how important each cached key is; a policy evicts.\n"
      "  ratio       keeps the fraction 1 - compression_ratio of the keys, best scores first\n"
      "  size        keeps cache_size keys of each KV head, whatever the length\n"
      "  threshold   evicts a key whose score is below the threshold once it leaves the sliding window\n"
      "--policy forces one of them on every method, but for a threshold on those that protect their\n"
      "latest keys. --protect_first and --protect_last spare positions under any of them. Of ratio and\n"
      "size, --layer_budgets pyramid gives lower layers more keys, and with --head_budgets adaptive the\n"
      "KV heads of a layer share theirs. Parameters are shown with their defaults.\n";
  for (const MethodDescription& method : methods()) text += "\n" + press_text(method);
  return text;
}

}  // namespace kvcompare
