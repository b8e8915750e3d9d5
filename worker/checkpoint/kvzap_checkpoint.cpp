#include "worker/checkpoint/kvzap_checkpoint.h"

#include <limits>
#include <set>

#include <nlohmann/json.hpp>

#include "common/errors.h"
#include "common/files/atomic_file.h"
#include "worker/checkpoint/checkpoint_files.h"
#include "worker/checkpoint/json_object.h"
#include "worker/checkpoint/safetensors_writer.h"
#include "worker/checkpoint/tensor_loading.h"

namespace kvcompare {
namespace {

constexpr std::int64_t kMaxSize = std::numeric_limits<std::int32_t>::max();

struct SurrogateConfig {
  std::string file;
  std::int64_t n_modules = 0;
  std::int64_t input_dim = 0;
  std::int64_t output_dim = 0;
  std::optional<std::int64_t> hidden_dim;  // absent: linear
};

SurrogateConfig read_surrogate_config(const std::filesystem::path& path) {
  const JsonObject json = JsonObject::read_file(path);
  if (json.has_value("model_type") && json.text("model_type") != "kvzap")
    json.refuse("model_type",
                "is '" + json.text("model_type") + "'; expected the scorer of a KVzap press, 'kvzap'");
  SurrogateConfig config;
  config.file = path.string();
  config.n_modules = json.integer("n_modules", 1, kMaxSize);
  config.input_dim = json.integer("input_dim", 1, kMaxSize);
  config.output_dim = json.integer("output_dim", 1, kMaxSize);
  if (!json.has_key("hidden_dim"))
    json.refuse("hidden_dim", "is missing; expected an integer, or null for a linear scorer");
  if (json.has_value("hidden_dim")) config.hidden_dim = json.integer("hidden_dim", 1, kMaxSize);
  return config;
}

void check_fits_model(const SurrogateConfig& scorer, const Decoder& model) {
  struct Pair {
    const char* key;
    std::int64_t scorer_size;
    const char* model_key;
    std::int64_t model_size;
  };
  for (const Pair& pair :
       {Pair{"n_modules", scorer.n_modules, "num_hidden_layers", model.n_layers()},
        Pair{"input_dim", scorer.input_dim, "hidden_size", model.hidden_size},
        Pair{"output_dim", scorer.output_dim, "num_key_value_heads", heads_of(model).n_kv_heads}})
    if (pair.scorer_size != pair.model_size)
      throw CheckpointError(scorer.file, pair.key,
                            "is " + std::to_string(pair.scorer_size) + ", but the model's " + pair.model_key +
                                " is " + std::to_string(pair.model_size) +
                                ": this scorer was made for another model");
}

std::string type_of(const SurrogateConfig& scorer) { return scorer.hidden_dim ? "mlp" : "linear"; }

void check_type(const SurrogateConfig& scorer, const std::optional<std::string>& wanted) {
  if (!wanted) return;
  if (*wanted != "mlp" && *wanted != "linear")
    throw ConfigError("kvzap_model_type", "'" + *wanted + "' is unknown; accepted: mlp, linear");
  const std::string actual = type_of(scorer);
  if (*wanted != actual)
    throw ConfigError("kvzap_model_type", "is " + *wanted + ", but the scorer is of type " + actual +
                                              " (hidden_dim in " + scorer.file + ")");
}

struct LinearNames {
  ExpectedTensor weight;  // [out, in]
  ExpectedTensor bias;    // [out]
};

LinearNames linear_names(const std::string& prefix, std::int64_t out, std::int64_t in) {
  return {{prefix + "weight", {out, in}}, {prefix + "bias", {out}}};
}

std::vector<LinearNames> layer_names(const SurrogateConfig& scorer, std::int64_t layer) {
  const std::string prefix = "layers." + std::to_string(layer) + ".";
  if (!scorer.hidden_dim) return {linear_names(prefix, scorer.output_dim, scorer.input_dim)};
  return {linear_names(prefix + "0.", *scorer.hidden_dim, scorer.input_dim),
          linear_names(prefix + "2.", scorer.output_dim, *scorer.hidden_dim)};
}

void check_tensors(const CheckpointFiles& files, const SurrogateConfig& scorer) {
  std::set<std::string> expected;
  for (std::int64_t layer = 0; layer < scorer.n_modules; ++layer)
    for (const LinearNames& linear : layer_names(scorer, layer))
      for (const ExpectedTensor* tensor : {&linear.weight, &linear.bias}) {
        const SafetensorsFile* file = files.find(tensor->name);
        if (file == nullptr) throw CheckpointError(files.list_path().string(), tensor->name, "is missing");
        check_tensor_header(*file, *tensor);
        expected.insert(tensor->name);
      }
  for (const std::string& name : files.names())
    if (!expected.contains(name))
      throw CheckpointError(files.list_path().string(), name,
                            "is no part of the scorer that config.json describes");
}

}  // namespace

std::string kvzap_model_type(const std::filesystem::path& folder, const Decoder& model,
                             const std::optional<std::string>& wanted) {
  const SurrogateConfig scorer = read_surrogate_config(folder / "config.json");
  check_type(scorer, wanted);
  check_fits_model(scorer, model);
  return type_of(scorer);
}

KvzapSurrogate load_kvzap_surrogate(const std::filesystem::path& folder, const Decoder& model,
                                    const std::optional<std::string>& kvzap_model_type, at::ScalarType dtype,
                                    at::Device device) {
  const SurrogateConfig scorer = read_surrogate_config(folder / "config.json");
  check_type(scorer, kvzap_model_type);
  check_fits_model(scorer, model);
  const CheckpointFiles files(folder);
  check_tensors(files, scorer);

  const auto load = [&](const ExpectedTensor& tensor) {
    return load_tensor(*files.find(tensor.name), tensor.name, dtype, device);
  };
  KvzapSurrogate surrogate;
  for (std::int64_t index = 0; index < scorer.n_modules; ++index) {
    KvzapSurrogate::Layer layer;
    for (const LinearNames& linear : layer_names(scorer, index))
      layer.linears.push_back({load(linear.weight), load(linear.bias)});
    surrogate.layers.push_back(std::move(layer));
  }
  return surrogate;
}

void save_kvzap_surrogate(const std::filesystem::path& folder, const KvzapSurrogate& surrogate) {
  const auto& first = surrogate.layers.at(0).linears;
  SurrogateConfig config;
  config.n_modules = std::ssize(surrogate.layers);
  config.input_dim = first.front().weight.size(1);
  config.output_dim = first.back().weight.size(0);
  if (first.size() > 1) config.hidden_dim = first.front().weight.size(0);

  NamedTensors tensors;
  for (std::int64_t layer = 0; layer < config.n_modules; ++layer) {
    const auto names = layer_names(config, layer);
    for (std::size_t i = 0; i < names.size(); ++i) {
      const auto& linear = surrogate.layers[static_cast<std::size_t>(layer)].linears.at(i);
      tensors.emplace_back(names[i].weight.name, linear.weight);
      tensors.emplace_back(names[i].bias.name, linear.bias);
    }
  }
  nlohmann::ordered_json json = {
      {"architectures", {"KVzapModel"}}, {"model_type", "kvzap"},         {"dtype", "float32"},
      {"n_modules", config.n_modules},   {"input_dim", config.input_dim}, {"hidden_dim", nullptr},
      {"output_dim", config.output_dim}};
  if (config.hidden_dim) json["hidden_dim"] = *config.hidden_dim;
  write_safetensors(folder / "model.safetensors", tensors);
  write_file_atomically(folder / "config.json", json.dump(1) + "\n");
}

}  // namespace kvcompare
