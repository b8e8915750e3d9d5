// Rotary position embedding as config.json describes it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "worker/checkpoint/json_object.h"
#include "worker/model/rope_config.h"

namespace kvcompare {

// What a family knows of its rotary embedding besides what the file says.
struct RopeDefaults {
  double theta = 10000;
  // The part of a head that turns, where the family reads partial_rotary_factor; absent: it does not.
  std::optional<double> partial_rotary_factor = std::nullopt;
  bool is_interleaved = false;
  // Whether "yarn" and "su" are old names of longrope, as in Phi-3.
  bool has_old_names_of_longrope = false;
  // original_max_position_embeddings outside of the RoPE parameters, which wins over the one inside; with its
  // default. Absent: not a key of the family.
  std::optional<std::int64_t> outer_original_positions = std::nullopt;
  std::vector<std::string> ignored_keys{};  // of the RoPE parameters: read elsewhere, or without effect
  std::vector<RopeConfig::Type> types{};    // that the family takes; empty: all
  std::optional<RopeConfig> whole = std::nullopt;  // where the file has no RoPE parameters at all
  // Of the model:
  std::int64_t head_dim = 0;
  std::int64_t max_position_embeddings = 0;
};

// Reads both layouts: rope_theta with rope_scaling, and rope_parameters (transformers 5). Where both are
// there they must agree. Without any of them: the defaults, no scaling.
RopeConfig read_rope_config(const JsonObject& config, const RopeDefaults& defaults);

// Of a family in which layers that slide turn otherwise than the others: rope_parameters holds an object for
// each, full_attention and sliding_attention. In the older layout rope_theta and rope_scaling are of the
// layers that see all keys, and `sliding_theta_key`, if there is one, of those that slide.
struct LayerRopes {
  RopeConfig full, sliding;
};
LayerRopes read_layer_ropes(const JsonObject& config, const RopeDefaults& full, const RopeDefaults& sliding,
                            const std::string& sliding_theta_key);

}  // namespace kvcompare
