#include "worker/checkpoint/json_rope_config.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

namespace kvcompare {
namespace {

constexpr std::int64_t kMaxPositions = std::numeric_limits<std::int32_t>::max();

double positive(const JsonObject& object, const std::string& key) {
  const double value = object.finite_number(key);
  if (!(value > 0))
    object.refuse(key, "is " + describe(object.json().at(key)) + "; expected a number above 0");
  return value;
}

using Type = RopeConfig::Type;

// transformers takes null for the value, and fails on it.
void refuse_null(const JsonObject& object, const std::string& key, const std::string& expected) {
  if (object.has_key(key) && !object.has_value(key))
    object.refuse(key, "is null; expected " + expected + ", or no such key");
}

void refuse_null_theta(const JsonObject& object, double theta, const std::string& key = "rope_theta") {
  refuse_null(object, key,
              "a number above 0 (" + std::to_string(static_cast<std::int64_t>(theta)) + " by default)");
}

void refuse_layer_types(const JsonObject& rope) {
  for (const char* type : {"full_attention", "sliding_attention"})
    if (rope.has_value(type))
      rope.refuse(type, "RoPE by type of layer is not supported; expected rope_type and rope_theta here");
}

std::string type_name(const JsonObject& rope) {
  refuse_null(rope, "rope_type", "the name of a type");
  const bool new_key = rope.has_value("rope_type");
  const bool old_key = rope.has_value("type");
  if (new_key && old_key && rope.text("rope_type") != rope.text("type"))
    rope.refuse("rope_type", "'" + rope.text("rope_type") + "' contradicts type '" + rope.text("type") + "'");
  if (new_key) return rope.text("rope_type");
  if (old_key) return rope.text("type");
  refuse_null(rope, "type", "the name of a type");
  for (const auto& [key, value] : rope.json().items())
    if (key != "rope_theta" && key != "partial_rotary_factor" && !value.is_null())
      rope.refuse("rope_type", "is missing, but " + key + " is there");
  return "default";
}

struct NamedType {
  const char* name;
  Type type;
};
constexpr NamedType kTypes[] = {{"default", Type::kDefault}, {"linear", Type::kLinear},
                                {"llama3", Type::kLlama3},   {"yarn", Type::kYarn},
                                {"dynamic", Type::kDynamic}, {"longrope", Type::kLongrope}};

bool takes(const RopeDefaults& defaults, Type type) {
  return defaults.types.empty() || std::ranges::find(defaults.types, type) != defaults.types.end();
}

Type parse_type(const JsonObject& rope, const RopeDefaults& defaults) {
  auto name = type_name(rope);
  if (defaults.has_old_names_of_longrope && (name == "yarn" || name == "su")) name = "longrope";
  std::string accepted;
  for (const auto& known : kTypes) {
    if (!takes(defaults, known.type)) continue;
    if (name == known.name) return known.type;
    accepted += (accepted.empty() ? "" : ", ") + std::string(known.name);
  }
  rope.refuse(rope.has_value("rope_type") ? "rope_type" : "type",
              "RoPE type '" + name + "' is not supported; accepted: " + accepted);
}

// A parameter that this RoPE type does not know would be ignored: refused instead, unless it changes nothing.
void refuse_other_keys(const JsonObject& rope, Type type, const RopeDefaults& defaults) {
  std::vector<std::string> known{"rope_type", "type", "rope_theta", "original_max_position_embeddings"};
  const auto add = [&](std::initializer_list<const char*> keys) {
    known.insert(known.end(), keys.begin(), keys.end());
  };
  known.insert(known.end(), defaults.ignored_keys.begin(), defaults.ignored_keys.end());
  if (type != Type::kDefault) add({"factor"});
  if (type == Type::kLlama3) add({"low_freq_factor", "high_freq_factor"});
  if (type == Type::kYarn)
    add({"attention_factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim", "truncate"});
  if (type == Type::kLongrope) add({"attention_factor", "short_factor", "long_factor"});
  if (defaults.partial_rotary_factor) add({"partial_rotary_factor"});
  refuse_null(rope, "partial_rotary_factor", "a number above 0");
  for (const auto& [key, value] : rope.json().items()) {
    const bool neutral =
        value.is_null() || ((key == "factor" || key == "partial_rotary_factor") && value == 1);
    if (std::ranges::find(known, key) == known.end() && !neutral)
      rope.refuse(key, "is not supported with RoPE type '" + type_name(rope) + "'");
  }
}

// Of the length of training. Versions of transformers differ in which of the two keys wins, except where the
// outer one is the family's own.
std::int64_t original_positions(const JsonObject& config, const JsonObject& rope,
                                const RopeDefaults& defaults) {
  const std::string key = "original_max_position_embeddings";
  const auto outer = config.has_value(key) ? std::optional(config.integer(key, 1, kMaxPositions))
                                           : defaults.outer_original_positions;
  if (defaults.outer_original_positions) return *outer;
  const auto inner = rope.integer(key, 1, kMaxPositions);
  if (outer && *outer != inner) config.refuse(key, "contradicts the one of the RoPE parameters");
  return inner;
}

void read_llama3(const JsonObject& rope, RopeConfig& parsed) {
  parsed.low_freq_factor = positive(rope, "low_freq_factor");
  parsed.high_freq_factor = positive(rope, "high_freq_factor");
  if (!(parsed.high_freq_factor > parsed.low_freq_factor))
    rope.refuse("high_freq_factor", "must be above low_freq_factor");
}

double yarn_scale(double factor, double mscale) {
  return factor <= 1 ? 1 : 0.1 * mscale * std::log(factor) + 1;
}

void read_yarn(const JsonObject& rope, RopeConfig& parsed) {
  // 0 and null are the default, as in Python.
  const auto number_or = [&](const char* key, double otherwise) {
    const double value = rope.has_value(key) ? rope.finite_number(key) : 0;
    return value == 0 ? otherwise : value;
  };
  parsed.beta_fast = number_or("beta_fast", 32);
  parsed.beta_slow = number_or("beta_slow", 1);
  for (const auto& [key, value] : {std::pair{"beta_fast", parsed.beta_fast}, {"beta_slow", parsed.beta_slow}})
    if (value < 0) rope.refuse(key, "is negative");
  if (rope.has_key("truncate")) parsed.truncates = rope.boolean("truncate");
  if (!(parsed.theta > 1)) rope.refuse("rope_theta", "must be above 1 with RoPE type 'yarn'");
  const double mscale = number_or("mscale", 0), of_all = number_or("mscale_all_dim", 0);
  if (rope.has_value("attention_factor"))
    parsed.attention_factor = positive(rope, "attention_factor");
  else if (mscale != 0 && of_all != 0)
    parsed.attention_factor = yarn_scale(parsed.factor, mscale) / yarn_scale(parsed.factor, of_all);
  else
    parsed.attention_factor = yarn_scale(parsed.factor, 1);
}

std::vector<double> factors(const JsonObject& rope, const std::string& key, std::int64_t n) {
  const auto expected = "expected an array of " + std::to_string(n) +
                        " numbers above 0, one for each pair of channels that turns";
  if (!rope.has_value(key)) rope.refuse(key, "is missing; " + expected);
  const auto& values = rope.json().at(key);
  if (!values.is_array() || std::ssize(values) != n)
    rope.refuse(key, values.is_array() ? "holds " + std::to_string(values.size()) + " values; " + expected
                                       : "is " + describe(values) + "; " + expected);
  std::vector<double> numbers;
  for (const auto& value : values) {
    if (!value.is_number() || !(value.get<double>() > 0))
      rope.refuse(key, "holds " + describe(value) + "; " + expected);
    numbers.push_back(value.get<double>());
  }
  return numbers;
}

void read_longrope(const JsonObject& rope, const RopeDefaults& defaults, RopeConfig& parsed) {
  const auto n_pairs = (parsed.n_turning > 0 ? parsed.n_turning : defaults.head_dim) / 2;
  parsed.short_factor = factors(rope, "short_factor", n_pairs);
  parsed.long_factor = factors(rope, "long_factor", n_pairs);
  const auto trained = static_cast<double>(parsed.original_max_position_embeddings);
  const double factor = rope.has_value("factor")
                            ? positive(rope, "factor")
                            : static_cast<double>(defaults.max_position_embeddings) / trained;
  if (rope.has_value("attention_factor"))
    parsed.attention_factor = positive(rope, "attention_factor");
  else if (factor > 1)
    parsed.attention_factor = std::sqrt(1 + std::log(factor) / std::log(trained));
}

// How many channels turn; 0: all.
std::int64_t read_partial_rotary(const JsonObject& config, const JsonObject& rope,
                                 const RopeDefaults& defaults) {
  if (!defaults.partial_rotary_factor) return 0;
  const std::string key = "partial_rotary_factor";
  const auto& holder = rope.has_value(key) ? rope : config;
  refuse_null(holder, key, "a number above 0");
  const double factor = holder.has_value(key) ? positive(holder, key) : *defaults.partial_rotary_factor;
  constexpr double kMost = 1LL << 53;  // what is larger has no place in an integer, and is refused too
  const auto n = static_cast<std::int64_t>(std::min(static_cast<double>(defaults.head_dim) * factor, kMost));
  if (n < 2 || n > defaults.head_dim || n % 2 != 0)
    holder.refuse(key, "makes " + std::to_string(n) + " of " + std::to_string(defaults.head_dim) +
                           " channels of a head turn; expected an even number of them, at least 2");
  return n == defaults.head_dim ? 0 : n;
}

RopeConfig read_layout(const JsonObject& config, const JsonObject& rope, std::optional<double> outer_theta,
                       const RopeDefaults& defaults) {
  RopeConfig parsed;
  refuse_layer_types(rope);
  parsed.type = parse_type(rope, defaults);
  refuse_other_keys(rope, parsed.type, defaults);
  refuse_null_theta(rope, defaults.theta);
  if (rope.has_value("rope_theta")) {
    parsed.theta = positive(rope, "rope_theta");
    if (outer_theta && *outer_theta != parsed.theta)
      rope.refuse("rope_theta", "contradicts the rope_theta outside of it");
  } else {
    parsed.theta = outer_theta.value_or(defaults.theta);
  }
  parsed.n_turning = read_partial_rotary(config, rope, defaults);
  parsed.is_interleaved = defaults.is_interleaved;
  if (parsed.type != Type::kDefault && parsed.type != Type::kLongrope)
    parsed.factor = positive(rope, "factor");
  if (parsed.type == Type::kLlama3 || parsed.type == Type::kYarn || parsed.type == Type::kLongrope)
    parsed.original_max_position_embeddings = original_positions(config, rope, defaults);
  if (parsed.type == Type::kLlama3) read_llama3(rope, parsed);
  if (parsed.type == Type::kYarn) read_yarn(rope, parsed);
  if (parsed.type == Type::kLongrope) read_longrope(rope, defaults, parsed);
  if (parsed.type == Type::kDynamic) {
    if (parsed.factor < 1) rope.refuse("factor", "must be at least 1 with RoPE type 'dynamic'");
    if ((parsed.n_turning > 0 ? parsed.n_turning : defaults.head_dim) <= 2)
      rope.refuse("rope_type", "'dynamic' needs heads of more than two channels that turn");
    parsed.max_position_embeddings = defaults.max_position_embeddings;
  }
  return parsed;
}

// What transformers does not read in parameters for types of layers.
void refuse_unread(const JsonObject& rope) {
  if (rope.has_value("truncate") && !rope.boolean("truncate"))
    rope.refuse("truncate", "is false, which transformers ignores where layers have RoPE of their own");
  if (rope.has_value("type") && !rope.has_value("rope_type"))
    rope.refuse("type", "is ignored by transformers where layers have RoPE of their own; write rope_type");
}

}  // namespace

LayerRopes read_layer_ropes(const JsonObject& config, const RopeDefaults& full, const RopeDefaults& sliding,
                            const std::string& sliding_theta_key) {
  const auto theta_of = [&](const std::string& key) {
    return config.has_value(key) ? std::optional(positive(config, key)) : std::nullopt;
  };
  refuse_null_theta(config, full.theta);
  if (!sliding_theta_key.empty()) refuse_null_theta(config, sliding.theta, sliding_theta_key);
  const auto theta = theta_of("rope_theta");
  const auto sliding_theta = sliding_theta_key.empty() ? std::nullopt : theta_of(sliding_theta_key);
  const JsonObject nothing(nlohmann::json::object(), config.file(), "");
  if (!config.has_value("rope_parameters")) {
    const auto scaling = config.has_value("rope_scaling") ? config.object("rope_scaling") : nothing;
    refuse_unread(scaling);
    return {.full = read_layout(config, scaling, theta, full),
            .sliding = read_layout(config, nothing, sliding_theta, sliding)};
  }
  if (config.has_value("rope_scaling"))
    config.refuse("rope_scaling",
                  "is there beside rope_parameters: write what it says into "
                  "rope_parameters.full_attention");
  const auto both = config.object("rope_parameters");
  for (const auto& [key, value] : both.json().items())
    if (key != "full_attention" && key != "sliding_attention")
      both.refuse(key,
                  "is not supported here; expected full_attention and sliding_attention, each with its "
                  "rope_type and rope_theta");
  const auto of = [&](const std::string& key, const auto& outer_theta, const RopeDefaults& defaults) {
    const auto rope = both.has_value(key) ? both.object(key) : nothing;
    refuse_unread(rope);
    return read_layout(config, rope, outer_theta, defaults);
  };
  return {.full = of("full_attention", theta, full),
          .sliding = of("sliding_attention", sliding_theta, sliding)};
}

RopeConfig read_rope_config(const JsonObject& config, const RopeDefaults& defaults) {
  std::optional<double> theta;
  refuse_null_theta(config, defaults.theta);
  if (config.has_value("rope_theta")) theta = positive(config, "rope_theta");

  std::optional<RopeConfig> found;
  for (const char* key : {"rope_parameters", "rope_scaling"}) {
    if (!config.has_value(key)) continue;
    const RopeConfig parsed = read_layout(config, config.object(key), theta, defaults);
    if (found && *found != parsed) config.refuse(key, "contradicts rope_parameters");
    found = parsed;
  }
  if (found) return *found;
  if (defaults.whole) {
    auto rope = *defaults.whole;
    if (theta)
      config.refuse("rope_theta",
                    "is there, but the other parameters of RoPE are missing: write "
                    "rope_parameters into the file");
    return rope;
  }
  return read_layout(config, JsonObject(nlohmann::json::object(), config.file(), ""), theta, defaults);
}

}  // namespace kvcompare
