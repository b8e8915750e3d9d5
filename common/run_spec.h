// Everything that can change a number of the comparison, and nothing else. It is what `config` in
// detailed_results.json holds. Paths of outputs, threads and logging are in run_options.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/dtype.h"
#include "common/method_spec.h"

namespace kvcompare {

struct RunSpec {
  std::string model_name = "meta-llama/Meta-Llama-3.1-8B-Instruct";  // folder or hub id
  std::string data_path;
  std::optional<std::string> text_field;    // goes before input_ids; "text" after them if absent
  std::int64_t max_length = 8192;           // tokens; longer samples are truncated
  std::optional<std::int64_t> max_samples;  // first samples of the data set; all if absent
  bool skip_bad_lines = false;              // of the data set: leave them out, instead of refusing
  std::int64_t chunk_size = 1;              // tokens between two eviction events

  double compression_ratio = 0.5;  // fraction removed
  double threshold = -7;
  std::int64_t sliding_window_size = 128;
  std::string policy = "auto";  // auto | ratio | threshold: forces one on every method
  std::int64_t n_sink = 4;
  std::int64_t n_future_positions = 512;
  bool use_covariance = true;
  bool use_vnorm = true;
  std::string kvzap_scorer_model = "nvidia/KVzap-mlp-Llama-3.1-8B-Instruct";
  std::optional<std::string> kvzap_model_type;  // mlp | linear; what the scorer says if absent
  std::int64_t kvzap_n_sink = 0;
  std::uint64_t seed = 42;

  std::optional<Dtype> dtype;       // absent: auto, until the model and the device are known
  std::string engine = "auto";      // layerwise | stepwise, once known
  std::string device_type;          // "cpu" | "cuda", once known: their rounding differs
  bool save_token_nll = false;      // keep the NLL of every token: changes no number, but what there is
  std::vector<MethodSpec> methods;  // [0] is the baseline
  friend bool operator==(const RunSpec&, const RunSpec&) = default;
};

}  // namespace kvcompare
