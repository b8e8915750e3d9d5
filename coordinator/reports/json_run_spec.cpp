#include "coordinator/reports/json_run_spec.h"

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

}  // namespace

OrderedJson json_run_spec(const RunSpec& spec) {
  OrderedJson config;
  config["model_name"] = spec.model_name;
  config["data_path"] = spec.data_path;
  config["text_field"] = spec.text_field;
  config["max_length"] = spec.max_length;
  if (spec.max_samples) config["max_samples"] = *spec.max_samples;
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

}  // namespace kvcompare
