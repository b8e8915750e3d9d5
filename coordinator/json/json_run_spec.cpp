#include "coordinator/json/json_run_spec.h"

#include <optional>
#include <stdexcept>
#include <string>
#include <variant>

#include "common/run/method_parameters.h"
#include "coordinator/json/json_method_flags.h"

namespace kvcompare {
namespace {

// ---- to JSON

struct PutPolicy {
  OrderedJson& method;

  void operator()(const KeepAll&) const { method["policy"] = "none"; }
  void operator()(const RatioBudget& policy) const {
    method["policy"] = "ratio";
    method["compression_ratio"] = policy.compression_ratio;
  }
  void operator()(const SizeBudget& policy) const {
    method["policy"] = "size";
    method["cache_size"] = policy.cache_size;
  }
  void operator()(const ScoreThreshold& policy) const {
    method["policy"] = "threshold";
    method["threshold"] = policy.threshold;
    method["sliding_window_size"] = policy.sliding_window_size;
  }
};

// As far as they are not uniform: an instance with uniform budgets is written as it was before there were
// others.
void put_shares(const BudgetShares& shares, OrderedJson& method) {
  if (shares.layers == LayerBudgets::kPyramid) {
    method["layer_budgets"] = kPyramidBudgets;
    method["pyramid_beta"] = shares.pyramid_beta;
  }
  if (shares.heads == HeadBudgets::kAdaptive) {
    method["head_budgets"] = kAdaptiveBudgets;
    method["alpha_safeguard"] = shares.alpha_safeguard;
  }
}

// Everything that the journal must hold of an instance. A scorer that has not been read yet has no hash.
OrderedJson json_method(const MethodSpec& spec) {
  OrderedJson method;
  method["name"] = spec.name;
  method["method_name"] = spec.display_name;
  std::visit(PutPolicy{method}, spec.policy);
  method["has_own_policy"] = spec.has_own_policy;
  method["parameters"] = OrderedJson::object();
  for (const auto& parameter : spec.parameters)
    std::visit([&](const auto& value) { method["parameters"][parameter.name] = value; }, parameter.value);
  if (spec.protection.first != 0) method["protect_first"] = spec.protection.first;
  if (spec.protection.last != 0) method["protect_last"] = spec.protection.last;
  put_shares(spec.shares, method);
  return method;
}

// ---- from JSON

EvictionPolicy policy_of(const OrderedJson& method) {
  const auto policy = method.at("policy").get<std::string>();
  if (policy == "none") return KeepAll{};
  if (policy == "ratio") return RatioBudget{method.at("compression_ratio").get<double>()};
  if (policy == "size") return SizeBudget{method.at("cache_size").get<std::int64_t>()};
  if (policy == "threshold")
    return ScoreThreshold{method.at("threshold").get<double>(),
                          method.at("sliding_window_size").get<std::int64_t>()};
  throw std::invalid_argument("there is no policy '" + policy + "'");
}

// What is not written is uniform.
BudgetShares shares_of(const OrderedJson& method) {
  const auto is_set = [&](const char* flag, std::string_view name) {
    const auto text = method.value(flag, std::string(kUniformBudgets));
    if (text != name && text != kUniformBudgets)
      throw std::invalid_argument(std::string("there is no ") + flag + " '" + text + "'");
    return text == name;
  };
  BudgetShares shares;
  if (is_set("layer_budgets", kPyramidBudgets))
    shares = {.layers = LayerBudgets::kPyramid, .pyramid_beta = method.at("pyramid_beta").get<double>()};
  if (is_set("head_budgets", kAdaptiveBudgets)) {
    shares.heads = HeadBudgets::kAdaptive;
    shares.alpha_safeguard = method.at("alpha_safeguard").get<double>();
  }
  return shares;
}

ParameterValue parameter_of(const OrderedJson& value) {
  if (value.is_boolean()) return parameter_value(value.get<bool>());
  if (value.is_number_unsigned()) return parameter_value(value.get<std::uint64_t>());
  if (value.is_number_integer()) return parameter_value(value.get<std::int64_t>());
  if (value.is_number()) return parameter_value(value.get<double>());
  return parameter_value(value.get<std::string>());
}

MethodSpec method_of(const OrderedJson& json) {
  MethodSpec method;
  json.at("name").get_to(method.name);
  json.at("method_name").get_to(method.display_name);
  method.policy = policy_of(json);
  json.at("has_own_policy").get_to(method.has_own_policy);
  for (const auto& [name, value] : json.at("parameters").items())
    method.parameters.push_back({name, parameter_of(value)});
  method.protection = {.first = json.value("protect_first", std::int64_t{0}),
                       .last = json.value("protect_last", std::int64_t{0})};
  method.shares = shares_of(json);
  return method;
}

template <class Value>
Value known(const std::optional<Value>& value, const char* name, const OrderedJson& object) {
  if (!value)
    throw std::invalid_argument(std::string("there is no ") + name + " '" + object[name].get<std::string>() +
                                "'");
  return *value;
}

}  // namespace

OrderedJson json_value(const MethodSpec& method) { return json_method(method); }
void get_value(const OrderedJson& json, MethodSpec& method) { method = method_of(json); }

void put_member(OrderedJson& object, const char* name, const std::optional<Dtype>& dtype) {
  object[name] = dtype ? to_string(*dtype) : "auto";
}
void get_member(const OrderedJson& object, const char* name, std::optional<Dtype>& dtype) {
  dtype = parse_dtype(object.at(name).get<std::string>());
}

void put_member(OrderedJson& object, const char* name, const ProtocolKind& protocol) {
  object[name] = to_string(protocol);
}
void get_member(const OrderedJson& object, const char* name, ProtocolKind& protocol) {
  if (object.contains(name)) protocol = known(parse_protocol(object[name].get<std::string>()), name, object);
}
void put_member(OrderedJson& object, const char* name, const BudgetCounts& counts) {
  object[name] = to_string(counts);
}
void get_member(const OrderedJson& object, const char* name, BudgetCounts& counts) {
  if (object.contains(name))
    counts = known(parse_budget_counts(object[name].get<std::string>()), name, object);
}

OrderedJson json_value(const PerplexityWindows& windows) { return to_string(windows); }
void get_value(const OrderedJson& json, PerplexityWindows& windows) {
  const auto text = json.get<std::string>();
  const auto parsed = parse_windows(text);
  if (!parsed) throw std::invalid_argument("'" + text + "' is no W:S of windows");
  windows = *parsed;
}

OrderedJson json_flags(const RunSpec& spec) {
  auto flags = json_value(spec);
  for (const auto* place : {"model_name", "data_path"}) flags.erase(place);
  flags.erase("device_type");
  if (!spec.device_type.empty()) flags["device"] = spec.device_type;
  flags["protocol"] = to_string(spec.protocol);
  flags["budget_counts"] = to_string(spec.budget_counts);
  if (spec.context_length) flags["context_length"] = context_length_text(*spec.context_length);
  flags.erase("methods");
  flags.update(json_method_flags(spec.methods));
  return flags;
}

OrderedJson json_parameters(const MethodSpec& method) {
  OrderedJson json;
  if (std::holds_alternative<KeepAll>(method.policy)) json["policy"] = "none";
  visit_used(method, [&](std::string_view flag, const auto& value) { json[flag] = value; });
  return json;
}

}  // namespace kvcompare
