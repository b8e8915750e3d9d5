#include "worker/checkpoint/json_rope_config.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

namespace kvcompare {
namespace {

constexpr double kDefaultTheta = 10000;
constexpr std::int64_t kMaxPositions = std::numeric_limits<std::int32_t>::max();

double positive(const JsonObject& object, const std::string& key) {
  const double value = object.finite_number(key);
  if (!(value > 0))
    object.refuse(key, "is " + describe(object.json().at(key)) + "; expected a number above 0");
  return value;
}

// transformers takes null for the number, and fails on it.
void refuse_null_theta(const JsonObject& object) {
  if (object.has_key("rope_theta") && !object.has_value("rope_theta"))
    object.refuse("rope_theta", "is null; expected a number above 0, or no such key (10000)");
}

void refuse_layer_types(const JsonObject& rope) {
  for (const char* type : {"full_attention", "sliding_attention"})
    if (rope.has_value(type))
      rope.refuse(type, "RoPE by type of layer is not supported; expected rope_type and rope_theta here");
}

std::string type_name(const JsonObject& rope) {
  const bool new_key = rope.has_value("rope_type");
  const bool old_key = rope.has_value("type");
  if (new_key && old_key && rope.text("rope_type") != rope.text("type"))
    rope.refuse("rope_type", "'" + rope.text("rope_type") + "' contradicts type '" + rope.text("type") + "'");
  if (new_key) return rope.text("rope_type");
  if (old_key) return rope.text("type");
  for (const auto& [key, value] : rope.json().items())
    if (key != "rope_theta" && !value.is_null())
      rope.refuse("rope_type", "is missing, but " + key + " is there");
  return "default";
}

RopeConfig::Type parse_type(const JsonObject& rope) {
  const std::string name = type_name(rope);
  if (name == "default") return RopeConfig::Type::kDefault;
  if (name == "linear") return RopeConfig::Type::kLinear;
  if (name == "llama3") return RopeConfig::Type::kLlama3;
  rope.refuse(rope.has_value("rope_type") ? "rope_type" : "type",
              "RoPE type '" + name + "' is not supported; accepted: default, linear, llama3");
}

// A parameter that this RoPE type does not know would be ignored: refused instead, unless it changes nothing.
void refuse_other_keys(const JsonObject& rope, RopeConfig::Type type) {
  std::vector<std::string_view> known{"rope_type", "type", "rope_theta", "original_max_position_embeddings"};
  if (type != RopeConfig::Type::kDefault) known.emplace_back("factor");
  if (type == RopeConfig::Type::kLlama3) known.insert(known.end(), {"low_freq_factor", "high_freq_factor"});
  for (const auto& [key, value] : rope.json().items()) {
    const bool neutral =
        value.is_null() || ((key == "factor" || key == "partial_rotary_factor") && value == 1);
    if (std::find(known.begin(), known.end(), key) == known.end() && !neutral)
      rope.refuse(key, "is not supported with RoPE type '" + type_name(rope) + "'");
  }
}

void read_llama3(const JsonObject& config, const JsonObject& rope, RopeConfig& parsed) {
  const std::string original = "original_max_position_embeddings";
  parsed.low_freq_factor = positive(rope, "low_freq_factor");
  parsed.high_freq_factor = positive(rope, "high_freq_factor");
  if (!(parsed.high_freq_factor > parsed.low_freq_factor))
    rope.refuse("high_freq_factor", "must be above low_freq_factor");
  parsed.original_max_position_embeddings = rope.integer(original, 1, kMaxPositions);
  // Versions of transformers differ in which of the two wins.
  if (config.has_value(original) &&
      config.integer(original, 1, kMaxPositions) != parsed.original_max_position_embeddings)
    config.refuse(original, "contradicts the one of the RoPE parameters");
}

RopeConfig read_layout(const JsonObject& config, const JsonObject& rope, std::optional<double> outer_theta) {
  RopeConfig parsed;
  refuse_layer_types(rope);
  parsed.type = parse_type(rope);
  refuse_other_keys(rope, parsed.type);
  refuse_null_theta(rope);
  if (rope.has_value("rope_theta")) {
    parsed.theta = positive(rope, "rope_theta");
    if (outer_theta && *outer_theta != parsed.theta)
      rope.refuse("rope_theta", "contradicts the rope_theta outside of it");
  } else {
    parsed.theta = outer_theta.value_or(kDefaultTheta);
  }
  if (parsed.type != RopeConfig::Type::kDefault) parsed.factor = positive(rope, "factor");
  if (parsed.type == RopeConfig::Type::kLlama3) read_llama3(config, rope, parsed);
  return parsed;
}

}  // namespace

RopeConfig read_rope_config(const JsonObject& config) {
  std::optional<double> theta;
  refuse_null_theta(config);
  if (config.has_value("rope_theta")) theta = positive(config, "rope_theta");

  std::optional<RopeConfig> found;
  for (const char* key : {"rope_parameters", "rope_scaling"}) {
    if (!config.has_value(key)) continue;
    const RopeConfig parsed = read_layout(config, config.object(key), theta);
    if (found && *found != parsed) config.refuse(key, "contradicts rope_parameters");
    found = parsed;
  }
  if (found) return *found;
  RopeConfig plain;
  plain.theta = theta.value_or(kDefaultTheta);
  return plain;
}

}  // namespace kvcompare
