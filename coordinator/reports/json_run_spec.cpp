#include "coordinator/reports/json_run_spec.h"

#include <algorithm>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <variant>

namespace kvcompare {
namespace {

// Calls visit(name, member) for every member. One that is new in RunSpec and is not listed here does not
// compile.
template <class Spec, class Visit>
void visit_members(Spec& spec, const Visit& visit) {
  auto& [model_name, data_path, text_field, max_length, max_samples, skip_bad_lines, chunk_size,
         compression_ratio, threshold, sliding_window_size, policy, n_sink, n_future_positions,
         use_covariance, use_vnorm, kvzap_scorer_model, kvzap_model_type, kvzap_n_sink, seed, dtype, engine,
         device_type, save_token_nll, methods] = spec;
  visit("model_name", model_name);
  visit("data_path", data_path);
  visit("text_field", text_field);
  visit("max_length", max_length);
  visit("max_samples", max_samples);
  visit("skip_bad_lines", skip_bad_lines);
  visit("save_token_nll", save_token_nll);
  visit("chunk_size", chunk_size);
  visit("compression_ratio", compression_ratio);
  visit("threshold", threshold);
  visit("sliding_window_size", sliding_window_size);
  visit("policy", policy);
  visit("n_sink", n_sink);
  visit("n_future_positions", n_future_positions);
  visit("use_covariance", use_covariance);
  visit("use_vnorm", use_vnorm);
  visit("kvzap_scorer_model", kvzap_scorer_model);
  visit("kvzap_model_type", kvzap_model_type);
  visit("kvzap_n_sink", kvzap_n_sink);
  visit("seed", seed);
  visit("dtype", dtype);
  visit("engine", engine);
  visit("device_type", device_type);
  visit("methods", methods);
}

// Calls visit(flag, member) for every parameter; the sinks of KVzap have a flag of their own.
template <class Parameters, class Visit>
void visit_parameters(Parameters& parameters, const Visit& visit) {
  auto& [n_sink, seed, n_future_positions, use_covariance, use_vnorm] = parameters;
  visit("n_sink", n_sink);
  visit("kvzap_n_sink", n_sink);
  visit("seed", seed);
  visit("n_future_positions", n_future_positions);
  visit("use_covariance", use_covariance);
  visit("use_vnorm", use_vnorm);
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

void put_scorer_parameters(OrderedJson& json, const MethodSpec& method) {
  visit_parameters(method.parameters, [&](const char* flag, const auto& value) {
    if (std::ranges::count(method.reads, flag) > 0) json[flag] = value;
  });
}

OrderedJson json_method(const MethodSpec& spec) {
  OrderedJson method;
  method["name"] = spec.name;
  method["method_name"] = spec.display_name;
  std::visit(PutPolicy{method}, spec.policy);
  method["parameters"] = OrderedJson::object();
  put_scorer_parameters(method["parameters"], spec);
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

MethodSpec method_of(const OrderedJson& json) {
  MethodSpec method;
  json.at("name").get_to(method.name);
  json.at("method_name").get_to(method.display_name);
  method.policy = policy_of(json);
  const auto& parameters = json.at("parameters");
  visit_parameters(method.parameters, [&](const char* flag, auto& value) {
    if (!parameters.contains(flag)) return;
    parameters.at(flag).get_to(value);
    method.reads.emplace_back(flag);
  });
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
  for (const auto* place : {"model_name", "data_path", "kvzap_scorer_model"}) flags.erase(place);
  flags.erase("device_type");
  if (!spec.device_type.empty()) flags["device"] = spec.device_type;
  flags["methods"] = OrderedJson::array();
  for (const auto& method : spec.methods) flags["methods"].push_back(method.name);
  return flags;
}

OrderedJson json_parameters(const MethodSpec& method) {
  OrderedJson json;
  std::visit(PutPolicy{json}, method.policy);
  put_scorer_parameters(json, method);
  return json;
}

}  // namespace kvcompare
