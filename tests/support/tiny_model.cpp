#include "tests/support/tiny_model.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <functional>
#include <numeric>
#include <stdexcept>
#include <utility>

#include <nlohmann/json.hpp>

#include "tests/support/safetensors_writer.h"
#include "tests/support/tiny_model_config.h"

namespace kvcompare {
namespace {

constexpr TokenId kBos = 1;
constexpr TokenId kFirstOrdinary = 3;  // below: unknown, begin, end

// Tensors of one checkpoint, each drawn from a stream of its own, so that none depends on the others' shapes.
class TensorList {
 public:
  TensorList(std::uint64_t seed, Storage storage) : seed_(seed), storage_(storage) {}

  void add(const std::string& name, const std::vector<std::int64_t>& shape, Distribution distribution) {
    WeightGenerator generator(seed_, name);
    const auto n = std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
    tensors_.push_back({name, tag_of(storage_), shape, stored(draw(generator, distribution, n), storage_)});
  }

  // [rows, columns]: outputs of about `gain` times the size of the inputs.
  void add_matrix(const std::string& name, std::int64_t rows, std::int64_t columns, double gain) {
    add(name, {rows, columns}, {.scale = gain / std::sqrt(static_cast<double>(columns))});
  }

  const std::vector<TensorToWrite>& all() const { return tensors_; }

 private:
  std::uint64_t seed_;
  Storage storage_;
  std::vector<TensorToWrite> tensors_;
};

void add_attention(TensorList& list, const TinyModelSpec& spec, const std::string& prefix) {
  struct Projection {
    const char* name;
    std::int64_t heads;
    double gain;  // of queries and keys such that attention is peaked and eviction shows
  };
  const bool biased = spec.arch == TinyArch::kQwen2 || spec.bias == TinyBias::kEverywhere;
  for (const auto& [name, heads, gain] :
       {Projection{"q_proj", spec.heads, 2}, Projection{"k_proj", spec.kv_heads, 2},
        Projection{"v_proj", spec.kv_heads, 1}}) {
    list.add_matrix(prefix + name + ".weight", heads * spec.head_dim, spec.hidden, gain);
    if (biased) list.add(prefix + name + ".bias", {heads * spec.head_dim}, {.scale = 0.4});
  }
  if (spec.arch == TinyArch::kQwen3) {
    list.add(prefix + "q_norm.weight", {spec.head_dim}, {.mean = 1.75f, .scale = 0.3});
    list.add(prefix + "k_norm.weight", {spec.head_dim}, {.mean = 1.75f, .scale = 0.3});
  }
  list.add_matrix(prefix + "o_proj.weight", spec.hidden, spec.heads * spec.head_dim, 1.5);
  if (spec.bias == TinyBias::kEverywhere) list.add(prefix + "o_proj.bias", {spec.hidden}, {.scale = 0.2});
}

void add_mlp(TensorList& list, const TinyModelSpec& spec, const std::string& prefix) {
  const auto add_linear = [&](const std::string& name, std::int64_t rows, std::int64_t columns) {
    list.add_matrix(prefix + name + ".weight", rows, columns, 1);
    if (spec.bias == TinyBias::kEverywhere) list.add(prefix + name + ".bias", {rows}, {.scale = 0.2});
  };
  add_linear("gate_proj", spec.intermediate, spec.hidden);
  add_linear("up_proj", spec.intermediate, spec.hidden);
  add_linear("down_proj", spec.hidden, spec.intermediate);
}

TensorList model_tensors(const TinyModelSpec& spec) {
  TensorList list(spec.seed, spec.storage);
  const Distribution norm = {.mean = 1, .scale = 0.15};
  list.add("model.embed_tokens.weight", {spec.vocab, spec.hidden},
           {.scale = spec.head == TinyHead::kTied ? 0.25 : 0.8});
  for (std::int64_t layer = 0; layer < spec.layers; ++layer) {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    list.add(prefix + "input_layernorm.weight", {spec.hidden}, norm);
    add_attention(list, spec, prefix + "self_attn.");
    list.add(prefix + "post_attention_layernorm.weight", {spec.hidden}, norm);
    add_mlp(list, spec, prefix + "mlp.");
  }
  list.add("model.norm.weight", {spec.hidden}, norm);
  if (spec.head == TinyHead::kOwn) list.add_matrix("lm_head.weight", spec.vocab, spec.hidden, 2);
  return list;
}

// Scores of standard deviation about 2 around kvzap's default threshold, -7.
TensorList scorer_tensors(const TinyModelSpec& spec) {
  TensorList list(spec.seed, spec.storage);
  const Distribution last_bias = {.mean = -7, .scale = 0.5};
  for (std::int64_t layer = 0; layer < spec.layers; ++layer) {
    const std::string prefix = "layers." + std::to_string(layer) + ".";
    if (spec.scorer == TinyScorer::kLinear) {
      list.add_matrix(prefix + "weight", spec.kv_heads, spec.hidden, 2);
      list.add(prefix + "bias", {spec.kv_heads}, last_bias);
      continue;
    }
    list.add_matrix(prefix + "0.weight", kTinyScorerHidden, spec.hidden, 1);
    list.add(prefix + "0.bias", {kTinyScorerHidden}, {.scale = 0.2});
    list.add_matrix(prefix + "2.weight", spec.kv_heads, kTinyScorerHidden, 3);
    list.add(prefix + "2.bias", {spec.kv_heads}, last_bias);
  }
  return list;
}

std::uint64_t hash_of(const TensorList& list, std::uint64_t start) {
  for (const TensorToWrite& tensor : list.all()) start = fnv1a64(tensor.bytes, fnv1a64(tensor.name, start));
  return start;
}

std::string hex(std::uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

void write_text(const std::filesystem::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  if (!(file << text).flush()) throw std::runtime_error("cannot write " + path.string());
}

void write_shards(const std::filesystem::path& folder, const std::vector<TensorToWrite>& tensors,
                  std::int64_t n) {
  nlohmann::json weight_map;
  std::size_t total_bytes = 0;
  for (std::int64_t shard = 0; shard < n; ++shard) {
    char name[64];
    std::snprintf(name, sizeof name, "model-%05d-of-%05d.safetensors", static_cast<int>(shard + 1),
                  static_cast<int>(n));
    std::vector<TensorToWrite> part;
    for (std::size_t i = static_cast<std::size_t>(shard); i < tensors.size();
         i += static_cast<std::size_t>(n)) {
      part.push_back(tensors[i]);
      weight_map[tensors[i].name] = name;
      total_bytes += tensors[i].bytes.size();
    }
    write_safetensors(folder / name, part);
  }
  const nlohmann::json index = {{"metadata", {{"total_size", total_bytes}}}, {"weight_map", weight_map}};
  write_text(folder / "model.safetensors.index.json", index.dump(1) + "\n");
}

// The second half repeats the first, so that attention has something to find.
std::vector<TokenId> repeating_sample(WeightGenerator& generator, std::int64_t n_tokens, std::int64_t vocab) {
  std::vector<TokenId> ids = {kBos};
  const auto n_ordinary = static_cast<std::uint64_t>(vocab - kFirstOrdinary);
  while (static_cast<std::int64_t>(ids.size()) < n_tokens)
    ids.push_back(kFirstOrdinary + static_cast<TokenId>(generator.next_integer() % n_ordinary));
  const std::int64_t half = n_tokens / 2;
  for (std::int64_t i = std::max<std::int64_t>(half, 1); i < 2 * half; ++i)
    ids[static_cast<std::size_t>(i)] = ids[static_cast<std::size_t>(i - half)];
  return ids;
}

}  // namespace

std::string write_tiny_scorer(const std::filesystem::path& folder, const TinyModelSpec& spec) {
  std::filesystem::create_directories(folder);
  const TensorList list = scorer_tensors(spec);
  write_text(folder / "config.json", tiny_scorer_config(spec));
  write_safetensors(folder / "model.safetensors", list.all());
  return hex(hash_of(list, fnv1a64("")));
}

std::string write_tiny_model(const std::filesystem::path& folder, const TinyModelSpec& spec) {
  std::filesystem::create_directories(folder);
  const TensorList list = model_tensors(spec);
  write_text(folder / "config.json", tiny_model_config(spec));
  if (spec.n_shards == 1) {
    write_safetensors(folder / "model.safetensors", list.all());
  } else {
    write_shards(folder, list.all(), spec.n_shards);
  }
  write_tiny_scorer(folder / "scorer", spec);
  std::string lines;
  for (const std::vector<TokenId>& ids : tiny_samples(spec))
    lines += nlohmann::json{{"input_ids", ids}}.dump() + "\n";
  write_text(folder / "data.jsonl", lines);
  return hex(hash_of(scorer_tensors(spec), hash_of(list, fnv1a64(""))));
}

std::vector<std::vector<TokenId>> tiny_samples(const TinyModelSpec& spec) {
  WeightGenerator generator(spec.seed, "samples");
  std::vector<std::vector<TokenId>> samples;
  for (std::int64_t i = 0; i < spec.n_samples; ++i) {
    samples.push_back(
        repeating_sample(generator, std::max<std::int64_t>(2, spec.n_tokens - 9 * i), spec.vocab));
    if (i == 0) samples.push_back({kBos});
  }
  return samples;
}

}  // namespace kvcompare
