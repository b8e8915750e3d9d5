#include "coordinator/json/json_run_spec.h"

#include <stdexcept>
#include <type_traits>
#include <utility>
#include <variant>

#include "common/run/method_parameters.h"
#include "coordinator/json/json_method_flags.h"

namespace kvcompare {
namespace {

// Calls visit(name, member) for every member. One that is new in RunSpec and is not listed here does not
// compile.
template <class Spec, class Visit>
void visit_members(Spec& spec, const Visit& visit) {
  auto& [model_name, data_path, text_field, max_length, max_samples, skip_bad_lines, chunk_size, dtype,
         engine, device_type, save_token_nll, at_density, methods] = spec;
  visit("model_name", model_name);
  visit("data_path", data_path);
  visit("text_field", text_field);
  visit("max_length", max_length);
  visit("max_samples", max_samples);
  visit("skip_bad_lines", skip_bad_lines);
  visit("save_token_nll", save_token_nll);
  visit("chunk_size", chunk_size);
  visit("dtype", dtype);
  visit("engine", engine);
  visit("device_type", device_type);
  visit("at_density", at_density);
  visit("methods", methods);
}

// ---- to JSON

struct PutPolicy {
  OrderedJson& method;

  void operator()(const KeepAll&) const { method["policy"] = "none"; }
  void operator()(const RatioBudget& policy) const {
    method["policy"] = "ratio";
    method["compression_ratio"] = policy.compression_ratio;
  }
  void operator()(const ScoreThreshold& policy) const {
    method["policy"] = "threshold";
    method["threshold"] = policy.threshold;
    method["sliding_window_size"] = policy.sliding_window_size;
  }
};

// All that the journal must know; a scorer that was not read yet has no hash.
OrderedJson json_method(const MethodSpec& spec) {
  OrderedJson method;
  method["name"] = spec.name;
  method["method_name"] = spec.display_name;
  std::visit(PutPolicy{method}, spec.policy);
  method["has_own_policy"] = spec.has_own_policy;
  method["parameters"] = OrderedJson::object();
  for (const auto& parameter : spec.parameters)
    std::visit([&](const auto& value) { method["parameters"][parameter.name] = value; }, parameter.value);
  return method;
}

struct PutMember {
  OrderedJson& config;

  template <class Value>
  void operator()(const char* name, const Value& value) const {
    config[name] = value;
  }
  template <class Value>
  void operator()(const char* name, const std::optional<Value>& value) const {
    if (value) config[name] = *value;
  }
  void operator()(const char* name, const std::optional<Dtype>& dtype) const {
    config[name] = dtype ? to_string(*dtype) : "auto";
  }
  void operator()(const char* name, const std::vector<MethodSpec>& methods) const {
    config[name] = OrderedJson::array();
    for (const MethodSpec& method : methods) config[name].push_back(json_method(method));
  }
};

// ---- from JSON

EvictionPolicy policy_of(const OrderedJson& method) {
  const auto policy = method.at("policy").get<std::string>();
  if (policy == "none") return KeepAll{};
  if (policy == "ratio") return RatioBudget{method.at("compression_ratio").get<double>()};
  if (policy == "threshold")
    return ScoreThreshold{method.at("threshold").get<double>(),
                          method.at("sliding_window_size").get<std::int64_t>()};
  throw std::invalid_argument("there is no policy '" + policy + "'");
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
  return method;
}

struct GetMember {
  const OrderedJson& config;

  template <class Value>
  void operator()(const char* name, Value& value) const {
    config.at(name).get_to(value);
  }
  template <class Value>
  void operator()(const char* name, std::optional<Value>& value) const {
    if (config.contains(name)) value = config.at(name).get<Value>();
  }
  void operator()(const char* name, std::optional<Dtype>& dtype) const {
    dtype = parse_dtype(config.at(name).get<std::string>());
  }
  void operator()(const char* name, std::vector<MethodSpec>& methods) const {
    for (const auto& method : config.at(name)) methods.push_back(method_of(method));
  }
};

}  // namespace

OrderedJson json_run_spec(const RunSpec& spec) {
  OrderedJson config;
  visit_members(spec, PutMember{config});
  return config;
}

RunSpec run_spec_of(const OrderedJson& config) {
  RunSpec spec;
  visit_members(spec, GetMember{config});
  return spec;
}

OrderedJson json_flags(const RunSpec& spec) {
  auto flags = json_run_spec(spec);
  for (const auto* place : {"model_name", "data_path"}) flags.erase(place);
  flags.erase("device_type");
  if (!spec.device_type.empty()) flags["device"] = spec.device_type;
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
