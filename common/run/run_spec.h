// Everything that can change a number of the comparison, and nothing else. It is what `config` in
// detailed_results.json holds. A member and its name in kFields are all that a new one takes to be in the
// journal and in the identity of the run. Paths of outputs, threads and logging are in run_options.h.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "common/perplexity_windows.h"
#include "common/run/dtype.h"
#include "common/run/method_spec.h"
#include "common/run/protocol.h"

namespace kvcompare {

struct RunSpec {
  std::string model_name = "meta-llama/Meta-Llama-3.1-8B-Instruct";  // folder or hub id
  std::string data_path;
  std::optional<std::string> text_field;    // goes before input_ids; "text" after them if absent
  std::optional<std::string> prompt_field;  // the same; "prompt" if absent
  std::optional<std::string> completion_field;
  std::string data_layout;                              // of a benchmark's files; empty: the fields above
  std::string split;                                    // of plain text into samples; empty: by the file
  std::optional<std::string> join;                      // joins the texts of all lines to one
  std::int64_t min_length = 0;                          // tokens; shorter samples are left out
  std::optional<std::int64_t> shuffle_seed;             // of the order of samples; absent: that of the data
  std::int64_t max_length = 8192;                       // tokens; longer samples are truncated
  std::optional<std::int64_t> max_samples;              // first samples of the data set; all if absent
  std::optional<PerplexityWindows> perplexity_windows;  // that the samples are cut into; absent: none
  bool skip_bad_lines = false;  // of the data set: leave them out, instead of refusing
  bool save_token_nll = false;  // keep the NLL of every token: changes no number, but what there is
  bool save_tokens = false;     // keep the ids of the samples' tokens: changes no number, but what there is
  bool no_divergence = false;   // do not compare distributions with the baseline's
  std::int64_t chunk_size = 1;  // tokens between two eviction events
  ProtocolKind protocol = ProtocolKind::kDecode;
  std::optional<std::int64_t> context_length;  // tokens, of every sample; absent: as the data says
  BudgetCounts budget_counts = BudgetCounts::kAll;

  std::optional<Dtype> dtype;   // absent: auto, until the model and the device are known
  std::string engine = "auto";  // layerwise | stepwise, once known
  std::string device_type;      // "cpu" | "cuda", once known: their rounding differs
  std::vector<double> at_density{0.75, 0.5, 0.25, 0.1};  // where sweeps are compared; changes no unit
  std::vector<MethodSpec> methods;                       // instances; [0] is the baseline

  // Keys in the journal, and of all but places and methods in the identity of the run.
  static constexpr std::array kFields{
      "model_name",         "data_path",      "text_field",     "prompt_field",
      "completion_field",   "data_layout",    "split",          "join",
      "min_length",         "shuffle_seed",   "max_length",     "max_samples",
      "perplexity_windows", "skip_bad_lines", "save_token_nll", "save_tokens",
      "no_divergence",      "chunk_size",     "protocol",       "context_length",
      "budget_counts",      "dtype",          "engine",         "device_type",
      "at_density",         "methods"};
  // Members that came after journals of version 3 began. One that has its default is left out, so such
  // journals stay as they are.
  static constexpr std::array kLaterFields{"save_tokens",   "no_divergence", "protocol",
                                           "budget_counts", "split",         "join",
                                           "min_length",    "shuffle_seed",  "data_layout"};
  friend bool operator==(const RunSpec&, const RunSpec&) = default;
};

// A context_length that no sample reaches: all of each sample is context.
inline constexpr std::int64_t kWholeSample = std::numeric_limits<std::int32_t>::max();

// "512", or "all" of each sample.
inline std::string context_length_text(std::int64_t context_length) {
  return context_length == kWholeSample ? "all" : std::to_string(context_length);
}

inline Protocol protocol_of(const RunSpec& spec) { return {spec.protocol, spec.budget_counts}; }

}  // namespace kvcompare
