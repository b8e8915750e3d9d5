// One combination of the flags that are parameters of methods. A method uses some of them; those of its
// policy among them. Definitions: docs/semantics.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace kvcompare {

struct MethodFlags {
  double compression_ratio = 0.5;  // fraction removed
  double threshold = -7;
  std::int64_t sliding_window_size = 128;
  std::string policy = "auto";  // auto | ratio | threshold: forces one on every method
  std::int64_t n_sink = 4;
  std::int64_t n_future_positions = 512;
  bool use_covariance = true;
  bool use_vnorm = true;
  std::string kvzap_scorer_model = "nvidia/KVzap-mlp-Llama-3.1-8B-Instruct";  // folder or hub id
  std::optional<std::string> kvzap_model_type;  // mlp | linear; what the scorer says if absent
  std::int64_t kvzap_n_sink = 0;
  std::uint64_t seed = 42;

  friend bool operator==(const MethodFlags&, const MethodFlags&) = default;
};

}  // namespace kvcompare
