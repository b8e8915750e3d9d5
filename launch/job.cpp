#include "launch/job.h"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <utility>

#include "common/dataset.h"
#include "common/errors.h"
#include "common/hub_cache.h"
#include "common/log.h"
#include "common/tokenizer/tokenizer.h"
#include "worker/checkpoint/kvzap_checkpoint.h"
#include "worker/checkpoint/model_config.h"
#include "worker/checkpoint/weights.h"
#include "worker/device.h"

namespace kvcompare {
namespace {

// Reads the tokenizer when the first text asks for it: a data set of ids needs none.
class LazyTokenizer {
 public:
  explicit LazyTokenizer(std::filesystem::path folder) : folder_(std::move(folder)) {}

  std::vector<TokenId> encode(std::string_view text) {
    if (!tokenizer_) tokenizer_ = Tokenizer::load(folder_);
    return tokenizer_->encode(text);
  }

 private:
  std::filesystem::path folder_;
  std::optional<Tokenizer> tokenizer_;
};

std::vector<Sample> read_samples(const RunSpec& spec, const std::filesystem::path& model_folder,
                                 const ModelConfig& config) {
  LazyTokenizer tokenizer(model_folder);
  const DatasetOptions options{spec.data_path, spec.text_field, spec.max_length, spec.max_samples};
  return read_dataset(
      options, [&](std::string_view text) { return tokenizer.encode(text); }, config.vocab_size);
}

void check_lengths(const std::vector<Sample>& samples, const RunSpec& spec, const ModelConfig& config) {
  std::int64_t longest = 0;
  for (const auto& sample : samples) {
    const auto n_tokens = std::ssize(sample.ids);
    longest = std::max(longest, n_tokens);
    if (config.sliding_window && n_tokens > *config.sliding_window)
      throw DataError(spec.data_path, 0,
                      "sample " + std::to_string(sample.index.value) + " has " + std::to_string(n_tokens) +
                          " tokens, more than the model's sliding window of " +
                          std::to_string(*config.sliding_window) +
                          ", which kvcompare does not compute; use --max_length " +
                          std::to_string(*config.sliding_window) + " or less");
  }
  if (longest > config.max_position_embeddings)
    log_warning("the longest sample has " + std::to_string(longest) + " tokens, the model was made for " +
                std::to_string(config.max_position_embeddings) + " (max_position_embeddings)");
}

bool has_kvzap(const RunSpec& spec) {
  return std::ranges::any_of(spec.methods, [](const auto& method) { return method.name == "kvzap"; });
}

// So that the run does not fail late, and a missing scorer is told with what to do about it.
std::optional<std::filesystem::path> scorer_folder(const RunSpec& spec) {
  if (!has_kvzap(spec)) return std::nullopt;
  try {
    return resolve_model("kvzap_scorer_model", spec.kvzap_scorer_model);
  } catch (const ConfigError& error) {
    throw ConfigError(error.key,
                      error.problem +
                          "\nkvzap needs a scorer trained for the model; to compare without it, name the "
                          "others in --methods (kvcompare presses lists them)");
  }
}

// The tiled engine is that of the layerwise ones which is for the CPU; it knows two number formats.
bool is_for_tiles(const RunSpec& spec, const c10::Device& device) {
  return spec.engine == "layerwise" && device.is_cpu() &&
         (spec.dtype == Dtype::kFloat32 || spec.dtype == Dtype::kFloat64);
}

std::unique_ptr<LoadedModel> load_model(const std::filesystem::path& folder, const ModelConfig& config,
                                        const RunSpec& spec, const c10::Device& device,
                                        std::optional<std::int64_t> max_weight_memory) {
  auto loaded = std::make_unique<LoadedModel>();
  const auto dtype = scalar_type(*spec.dtype);
  if (is_for_tiles(spec, device)) {
    loaded->packed = std::make_unique<PackedWeights>(config, CheckpointWeights(folder, config, dtype, device),
                                                     max_weight_memory);
  } else {
    if (max_weight_memory)
      throw ConfigError(
          "max_weight_memory",
          "weights are read layer by layer only with --engine layerwise on the CPU in float32 or float64");
    loaded->model = std::make_unique<Model>(config, load_weights(folder, config, dtype, device));
  }
  return loaded;
}

}  // namespace

Job load_job(const RunSpec& spec, const RunOptions& options) {
  Job job{
      .spec = spec, .devices = choose_devices(options.device, options.num_gpus), .models = {}, .samples = {}};
  const auto folder = resolve_model("model_name", spec.model_name);
  const auto scorer = scorer_folder(spec);
  const auto config = read_model_config(folder / "config.json");
  job.spec.dtype = choose_dtype(spec.dtype, config.stored_dtype, job.devices.front());
  if (spec.engine == "auto") job.spec.engine = "layerwise";
  job.spec.device_type = job.devices.front().is_cpu() ? "cpu" : "cuda";
  job.samples = read_samples(spec, folder, config);
  check_lengths(job.samples, spec, config);
  const auto dtype = scalar_type(*job.spec.dtype);
  for (const auto& device : job.devices) {
    std::optional<KvzapSurrogate> kvzap;
    if (scorer) {
      kvzap = load_kvzap_surrogate(*scorer, config, spec.kvzap_model_type, dtype, device);
      job.spec.kvzap_model_type = kvzap->layers.front().linears.size() == 1 ? "linear" : "mlp";
    }
    job.models.push_back(load_model(folder, config, job.spec, device, options.max_weight_memory));
    job.models.back()->kvzap = std::move(kvzap);
  }
  return job;
}

}  // namespace kvcompare
