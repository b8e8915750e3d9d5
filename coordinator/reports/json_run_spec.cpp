#include "coordinator/reports/json_run_spec.h"

#include <stdexcept>
#include <variant>

namespace kvcompare {
namespace {

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

OrderedJson json_method(const MethodSpec& spec) {
  OrderedJson method;
  method["name"] = spec.name;
  method["method_name"] = spec.display_name;
  std::visit(PutPolicy{method}, spec.policy);
  const ScorerParameters& parameters = spec.parameters;
  method["parameters"] = {{"n_sink", parameters.n_sink},
                          {"seed", parameters.seed},
                          {"n_future_positions", parameters.n_future_positions},
                          {"use_covariance", parameters.use_covariance},
                          {"use_vnorm", parameters.use_vnorm}};
  return method;
}

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
  parameters.at("n_sink").get_to(method.parameters.n_sink);
  parameters.at("seed").get_to(method.parameters.seed);
  parameters.at("n_future_positions").get_to(method.parameters.n_future_positions);
  parameters.at("use_covariance").get_to(method.parameters.use_covariance);
  parameters.at("use_vnorm").get_to(method.parameters.use_vnorm);
  return method;
}

}  // namespace

OrderedJson json_run_spec(const RunSpec& spec) {
  OrderedJson config;
  config["model_name"] = spec.model_name;
  config["data_path"] = spec.data_path;
  if (spec.text_field) config["text_field"] = *spec.text_field;
  config["max_length"] = spec.max_length;
  if (spec.max_samples) config["max_samples"] = *spec.max_samples;
  config["skip_bad_lines"] = spec.skip_bad_lines;
  config["save_token_nll"] = spec.save_token_nll;
  config["chunk_size"] = spec.chunk_size;
  config["compression_ratio"] = spec.compression_ratio;
  config["threshold"] = spec.threshold;
  config["sliding_window_size"] = spec.sliding_window_size;
  config["policy"] = spec.policy;
  config["n_sink"] = spec.n_sink;
  config["n_future_positions"] = spec.n_future_positions;
  config["use_covariance"] = spec.use_covariance;
  config["use_vnorm"] = spec.use_vnorm;
  config["kvzap_scorer_model"] = spec.kvzap_scorer_model;
  if (spec.kvzap_model_type) config["kvzap_model_type"] = *spec.kvzap_model_type;
  config["kvzap_n_sink"] = spec.kvzap_n_sink;
  config["seed"] = spec.seed;
  config["dtype"] = spec.dtype ? to_string(*spec.dtype) : "auto";
  config["engine"] = spec.engine;
  config["device_type"] = spec.device_type;
  config["methods"] = OrderedJson::array();
  for (const MethodSpec& method : spec.methods) config["methods"].push_back(json_method(method));
  return config;
}

RunSpec run_spec_of(const OrderedJson& config) {
  RunSpec spec;
  config.at("model_name").get_to(spec.model_name);
  config.at("data_path").get_to(spec.data_path);
  if (config.contains("text_field")) spec.text_field = config.at("text_field").get<std::string>();
  config.at("max_length").get_to(spec.max_length);
  if (config.contains("max_samples")) spec.max_samples = config.at("max_samples").get<std::int64_t>();
  config.at("skip_bad_lines").get_to(spec.skip_bad_lines);
  config.at("save_token_nll").get_to(spec.save_token_nll);
  config.at("chunk_size").get_to(spec.chunk_size);
  config.at("compression_ratio").get_to(spec.compression_ratio);
  config.at("threshold").get_to(spec.threshold);
  config.at("sliding_window_size").get_to(spec.sliding_window_size);
  config.at("policy").get_to(spec.policy);
  config.at("n_sink").get_to(spec.n_sink);
  config.at("n_future_positions").get_to(spec.n_future_positions);
  config.at("use_covariance").get_to(spec.use_covariance);
  config.at("use_vnorm").get_to(spec.use_vnorm);
  config.at("kvzap_scorer_model").get_to(spec.kvzap_scorer_model);
  if (config.contains("kvzap_model_type"))
    spec.kvzap_model_type = config.at("kvzap_model_type").get<std::string>();
  config.at("kvzap_n_sink").get_to(spec.kvzap_n_sink);
  config.at("seed").get_to(spec.seed);
  spec.dtype = parse_dtype(config.at("dtype").get<std::string>());
  config.at("engine").get_to(spec.engine);
  config.at("device_type").get_to(spec.device_type);
  for (const auto& method : config.at("methods")) spec.methods.push_back(method_of(method));
  return spec;
}

}  // namespace kvcompare
