#include "launch/session/job.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <future>
#include <iterator>
#include <mutex>
#include <stop_token>
#include <string_view>
#include <utility>

#include "common/errors.h"
#include "common/files/hub_cache.h"
#include "common/files/sha256.h"
#include "common/log.h"
#include "common/tokenizer/tokenizer.h"
#include "launch/session/gpu_memory.h"
#include "worker/checkpoint/kvzap_checkpoint.h"
#include "worker/checkpoint/model_hash.h"
#include "worker/checkpoint/weights.h"
#include "worker/cpu/layerwise_engine.h"
#include "worker/cpu/tiled_engine.h"
#include "worker/devices/device.h"
#include "worker/gpu/gpu_engine.h"
#include "worker/stepwise/stepwise_engine.h"

namespace kvcompare {
namespace {

// Reads the tokenizer when the first text asks for it: a data set of ids needs none.
class LazyTokenizer {
 public:
  explicit LazyTokenizer(std::filesystem::path folder) : folder_(std::move(folder)) {}

  std::vector<TokenId> encode(std::string_view text) {
    std::call_once(once_, [this] { load(); });
    if (failure_) std::rethrow_exception(failure_);
    return tokenizer_->encode(text);
  }
  bool was_used() const { return tokenizer_.has_value(); }

 private:
  // A failure is remembered: what cannot be read once is not read again for every text.
  void load() {
    try {
      tokenizer_ = Tokenizer::load(folder_);
    } catch (...) {
      failure_ = std::current_exception();
    }
  }

  std::filesystem::path folder_;
  std::once_flag once_;
  std::optional<Tokenizer> tokenizer_;
  std::exception_ptr failure_;
};

// The hash of a model, computed on other threads. It is given up if this object ends before it was asked for.
class HashBeside {
 public:
  explicit HashBeside(const std::filesystem::path& folder)
      : hash_(std::async(std::launch::async, model_hash, folder, stop_.get_token())) {}
  HashBeside(const HashBeside&) = delete;
  HashBeside& operator=(const HashBeside&) = delete;
  ~HashBeside() { stop_.request_stop(); }  // then the future waits

  std::string get() { return hash_.get(); }

 private:
  std::stop_source stop_;
  std::future<std::string> hash_;
};

void check_lengths(const std::vector<Sample>& samples, const RunSpec& spec, const ModelConfig& config) {
  std::int64_t longest = 0;
  for (const auto& sample : samples) {
    const auto n_tokens = std::ssize(sample.ids);
    longest = std::max(longest, n_tokens);
    refuse_beyond_window(
        n_tokens, spec.data_path, config,
        {.what = "sample " + std::to_string(sample.index.value),
         .remedy = "--max_length " + std::to_string(config.sliding_window.value_or(0)) + " or less"});
  }
  warn_beyond_positions(longest, "the longest sample", config);
}

// So that the run does not fail late, and a missing scorer is told with what to do about it.
std::filesystem::path scorer_folder(const std::string& place) {
  try {
    return resolve_model("kvzap_scorer_model", place);
  } catch (const ConfigError& error) {
    throw ConfigError(error.key,
                      error.problem +
                          "\nkvzap needs a scorer trained for the model; to compare without it, name the "
                          "others in --methods (kvcompare presses lists them)");
  }
}

void find_scorers(Job& job) {
  for (const auto& method : job.spec.methods)
    if (const auto& place = method.parameters.kvzap_scorer_model; !place.empty())
      job.scorers.emplace(place, scorer_folder(place));
}

// What each scorer is; a kind that was asked for must be that one.
void read_kinds_of_scorers(Job& job) {
  for (auto& method : job.spec.methods) {
    const auto& place = method.parameters.kvzap_scorer_model;
    auto& kind = method.parameters.kvzap_model_type;
    if (place.empty()) continue;
    kind = kvzap_model_type(job.scorers.at(place), job.config,
                            kind.empty() ? std::nullopt : std::optional(kind));
  }
}

// A kind that was asked for and one that was read make the same instance: it is evaluated once.
void drop_repeated(std::vector<MethodSpec>& instances) {
  std::vector<MethodSpec> once;
  for (auto& instance : instances)
    if (std::ranges::find(once, instance) == once.end()) once.push_back(std::move(instance));
  instances = std::move(once);
}

// Two names of one scorer would be two names of the same instances.
void refuse_equal(const std::map<std::string, std::string>& scorers) {
  for (auto one = scorers.begin(); one != scorers.end(); ++one)
    for (auto other = std::next(one); other != scorers.end(); ++other)
      if (one->second == other->second)
        throw ConfigError("kvzap_scorer_model", "'" + one->first + "' and '" + other->first +
                                                    "' hold the same scorer; give one of them");
}

// The tiled engine is that of the layerwise ones which is for the CPU; it knows two number formats.
bool is_for_tiles(const RunSpec& spec, const c10::Device& device) {
  return spec.engine == "layerwise" && device.is_cpu() &&
         (spec.dtype == Dtype::kFloat32 || spec.dtype == Dtype::kFloat64);
}

bool is_for_gpu(const RunSpec& spec, const c10::Device& device) {
  return spec.engine == "layerwise" && device.is_cuda() && spec.dtype != Dtype::kFloat64;
}

std::unique_ptr<GpuWeights> load_gpu_weights(const Job& job, const c10::Device& device,
                                             const RunOptions& options,
                                             const std::optional<NcclPlace>& sharing) {
  std::optional<NcclBroadcast> broadcast;
  if (sharing)
    broadcast.emplace(*sharing, device,
                      NcclTimeouts{.start = std::chrono::seconds(options.start_timeout),
                                   .slice = std::chrono::seconds(options.rank_timeout)});
  auto weights =
      std::make_unique<GpuWeights>(job.model, job.config, scalar_type(*job.spec.dtype), device,
                                   GpuWeightsOptions{.max_bytes = options.max_weight_memory,
                                                     .broadcast = broadcast ? &*broadcast : nullptr});
  if (broadcast) broadcast->close();  // a rank that is lost later must not hang another
  return weights;
}

}  // namespace

std::string hash_of(std::span<const Sample> samples) {
  Sha256 hash;
  for (const auto& sample : samples) {
    const auto n_tokens = std::ssize(sample.ids);
    hash.add({reinterpret_cast<const char*>(&n_tokens), sizeof n_tokens});
    hash.add({reinterpret_cast<const char*>(sample.ids.data()), sample.ids.size() * sizeof(TokenId)});
  }
  return hash.hex();
}

RunSpec with_scorers(RunSpec spec, const JobData& data) {
  for (auto& method : spec.methods)
    if (const auto& place = method.parameters.kvzap_scorer_model; !place.empty())
      method.parameters.kvzap_scorer = data.scorers.at(place);
  return spec;
}

void refuse_beyond_window(std::int64_t n_tokens, const std::string& data_path, const ModelConfig& config,
                          const TooLong& told) {
  if (!config.sliding_window || n_tokens <= *config.sliding_window) return;
  throw DataError(
      data_path, 0,
      told.what + " has " + std::to_string(n_tokens) + " tokens, more than the model's sliding window of " +
          std::to_string(*config.sliding_window) + ", which kvcompare does not compute; use " + told.remedy);
}

void warn_beyond_positions(std::int64_t n_tokens, const std::string& what, const ModelConfig& config) {
  if (n_tokens <= config.max_position_embeddings) return;
  log_warning(what + " has " + std::to_string(n_tokens) + " tokens, the model was made for " +
              std::to_string(config.max_position_embeddings) + " (max_position_embeddings)");
}

Job read_job(const RunSpec& spec, const RunOptions& options) {
  Job job{.spec = spec,
          .model = resolve_model("model_name", spec.model_name),
          .scorers = {},
          .config = {},
          .devices = choose_devices(options.device, options.num_gpus)};
  find_scorers(job);
  job.config = read_model_config(job.model / "config.json");
  job.spec.dtype = choose_dtype(spec.dtype, job.config.stored_dtype, job.devices.front());
  if (spec.engine == "auto") job.spec.engine = "layerwise";
  job.spec.device_type = job.devices.front().is_cpu() ? "cpu" : "cuda";
  if (is_for_gpu(job.spec, job.devices.front()))
    for (const auto& method : job.spec.methods) device_schedule(method);  // throws if there is none
  read_kinds_of_scorers(job);
  drop_repeated(job.spec.methods);
  return job;
}

JobData read_data(const Job& job, int n_threads) {
  HashBeside model(job.model);
  LazyTokenizer tokenizer(job.model);
  const auto& spec = job.spec;
  JobData data;
  data.dataset = read_dataset(
      {.path = spec.data_path,
       .text_field = spec.text_field,
       .max_length = spec.max_length,
       .max_samples = spec.max_samples,
       .skip_bad_lines = spec.skip_bad_lines,
       .n_threads = n_threads},
      [&](std::string_view text) { return tokenizer.encode(text); }, job.config.vocab_size);
  for (const auto& warning : warnings_of(data.dataset.ids_for_text, spec.text_field)) log_warning(warning);
  check_lengths(data.dataset.samples, spec, job.config);
  data.hashes.data = hash_of(data.dataset.samples);
  if (tokenizer.was_used()) data.hashes.tokenizer = sha256_of_file(job.model / "tokenizer.json");
  for (const auto& [place, folder] : job.scorers) data.scorers.emplace(place, model_hash(folder));
  refuse_equal(data.scorers);
  data.hashes.model = model.get();
  return data;
}

CostShape cost_shape(const ModelConfig& config) {
  return {.n_layers = config.n_layers,
          .d_model = config.hidden_size,
          .n_heads = config.n_heads,
          .n_kv_heads = config.n_kv_heads,
          .head_dim = config.head_dim,
          .intermediate_size = config.intermediate_size,
          .vocab_size = config.vocab_size};
}

ModelShape model_shape(const ModelConfig& config) {
  return {.n_layers = config.n_layers,
          .n_heads = config.n_heads,
          .n_kv_heads = config.n_kv_heads,
          .head_dim = config.head_dim,
          .hidden_size = config.hidden_size,
          .vocab_size = config.vocab_size,
          .max_position_embeddings = config.max_position_embeddings};
}

bool uses_all_threads(const Job& job) { return is_for_tiles(job.spec, job.devices.front()); }

bool has_gpu_engine(const Job& job) { return is_for_gpu(job.spec, job.devices.front()); }

std::unique_ptr<LoadedModel> load_model(const Job& job, const c10::Device& device, const RunOptions& options,
                                        const GpuSharing& sharing) {
  auto loaded = std::make_unique<LoadedModel>();
  const auto dtype = scalar_type(*job.spec.dtype);
  for (const auto& [place, folder] : job.scorers)
    loaded->kvzap.emplace(place, load_kvzap_surrogate(folder, job.config, std::nullopt, dtype, device));
  if (is_for_tiles(job.spec, device)) {
    loaded->packed = std::make_unique<PackedWeights>(
        job.config, CheckpointWeights(job.model, job.config, dtype, device), options.max_weight_memory);
  } else if (is_for_gpu(job.spec, device)) {
    loaded->plan = plan_gpu_memory(job, options, memory_of_gpu(device.index()), sharing.n_on_gpu);
    loaded->gpu = load_gpu_weights(job, device, options, sharing.reading);
  } else {
    if (options.max_weight_memory)
      throw ConfigError(
          "max_weight_memory",
          "layers come one after the other only with --engine layerwise, on the CPU in float32 or float64, "
          "on GPUs in float32, bfloat16 or float16");
    loaded->model = std::make_unique<Model>(job.config, load_weights(job.model, job.config, dtype, device));
  }
  return loaded;
}

std::unique_ptr<Engine> make_engine(const Job& job, const LoadedModel& loaded, int n_threads) {
  const ScorerResources resources{&loaded.kvzap};
  const auto chunk_size = job.spec.chunk_size;
  if (loaded.gpu)
    return make_gpu_engine(*loaded.gpu, resources,
                           {.chunk_size = chunk_size, .plan = &*loaded.plan, .methods = job.spec.methods});
  if (loaded.packed)
    return make_tiled_engine(*loaded.packed, resources, {.chunk_size = chunk_size, .n_threads = n_threads});
  if (job.spec.engine == "layerwise")
    return make_layerwise_engine(*loaded.model, resources, {.chunk_size = chunk_size});
  return make_stepwise_engine(*loaded.model, resources, {.chunk_size = chunk_size});
}

}  // namespace kvcompare
