// kvcompare_demo_model FOLDER: writes a small Llama with random weights, its byte-level tokenizer and a KVzap
// scorer, so that the program can be tried before a model is at hand. Nothing is trained: its numbers say
// nothing about methods. The weights come from a fixed seed; they are the same on every machine whose
// std::log and std::cos round alike.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <numbers>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace {

using Json = nlohmann::ordered_json;

constexpr int kBeginToken = 256;  // after the 256 bytes
constexpr int kVocabulary = 257;
constexpr int kHidden = 64;
constexpr int kIntermediate = 128;
constexpr int kLayers = 4;
constexpr int kHeads = 8;
constexpr int kKvHeads = 4;
constexpr int kHeadSize = 16;
constexpr int kSurrogateHidden = 32;

class Weights {
 public:
  explicit Weights(std::uint64_t seed) : generator_(seed) {}

  // A tensor of independent normal numbers.
  void add(const std::string& name, const std::vector<int>& shape, double mean, double deviation) {
    std::size_t n = 1;
    for (int extent : shape) n *= static_cast<std::size_t>(extent);
    const std::size_t begin = values_.size();
    for (std::size_t i = 0; i < n; ++i) values_.push_back(static_cast<float>(mean + deviation * normal()));
    header_[name] = {{"dtype", "F32"},
                     {"shape", shape},
                     {"data_offsets", {begin * sizeof(float), values_.size() * sizeof(float)}}};
  }

  // A projection whose output has about `gain` times the spread of its input.
  void add_projection(const std::string& name, int rows, int columns, double gain) {
    add(name, {rows, columns}, 0, gain / std::sqrt(columns));
  }

  // safetensors: length of the header (little-endian, 8 bytes), the header, the numbers.
  void write(const std::filesystem::path& path) const {
    std::string header = header_.dump();
    header.resize((header.size() + 7) / 8 * 8, ' ');
    std::ofstream file(path, std::ios::binary);
    for (int byte = 0; byte < 8; ++byte) file.put(static_cast<char>(header.size() >> (8 * byte) & 0xff));
    file << header;
    const auto bytes = std::as_bytes(std::span(values_));
    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    file.close();
    if (!file) throw std::runtime_error(path.string() + ": cannot be written");
  }

 private:
  // In (0, 1). std::mt19937_64 is the same everywhere, the distributions of <random> are not.
  double uniform() { return (static_cast<double>(generator_() >> 11) + 0.5) * 0x1p-53; }
  double normal() {  // Box and Muller
    const double radius = std::sqrt(-2 * std::log(uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }

  std::mt19937_64 generator_;
  Json header_;
  std::vector<float> values_;
};

void write_json(const std::filesystem::path& path, const Json& json) {
  std::ofstream file(path, std::ios::binary);
  file << json.dump(1) << '\n';
  file.close();
  if (!file) throw std::runtime_error(path.string() + ": cannot be written");
}

Json model_config() {
  return {{"architectures", {"LlamaForCausalLM"}},
          {"model_type", "llama"},
          {"vocab_size", kVocabulary},
          {"hidden_size", kHidden},
          {"intermediate_size", kIntermediate},
          {"num_hidden_layers", kLayers},
          {"num_attention_heads", kHeads},
          {"num_key_value_heads", kKvHeads},
          {"head_dim", kHeadSize},
          {"hidden_act", "silu"},
          {"rms_norm_eps", 1e-5},
          {"rope_theta", 10000.0},
          {"rope_scaling", nullptr},
          {"attention_bias", false},
          {"mlp_bias", false},
          {"max_position_embeddings", 4096},
          {"tie_word_embeddings", false},
          {"torch_dtype", "float32"},
          {"bos_token_id", kBeginToken},
          {"eos_token_id", kBeginToken}};
}

// Queries and keys are scaled up so that attention is peaked: then it matters which keys are kept.
Weights model_weights() {
  Weights weights(20260101);
  weights.add("model.embed_tokens.weight", {kVocabulary, kHidden}, 0, 1);
  for (int layer = 0; layer < kLayers; ++layer) {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    weights.add(prefix + "input_layernorm.weight", {kHidden}, 1, 0.1);
    weights.add(prefix + "post_attention_layernorm.weight", {kHidden}, 1, 0.1);
    weights.add_projection(prefix + "self_attn.q_proj.weight", kHeads * kHeadSize, kHidden, 2);
    weights.add_projection(prefix + "self_attn.k_proj.weight", kKvHeads * kHeadSize, kHidden, 2);
    weights.add_projection(prefix + "self_attn.v_proj.weight", kKvHeads * kHeadSize, kHidden, 1);
    weights.add_projection(prefix + "self_attn.o_proj.weight", kHidden, kHeads * kHeadSize, 2);
    weights.add_projection(prefix + "mlp.gate_proj.weight", kIntermediate, kHidden, 1);
    weights.add_projection(prefix + "mlp.up_proj.weight", kIntermediate, kHidden, 1);
    weights.add_projection(prefix + "mlp.down_proj.weight", kHidden, kIntermediate, 1);
  }
  weights.add("model.norm.weight", {kHidden}, 1, 0.1);
  weights.add_projection("lm_head.weight", kVocabulary, kHidden, 1.5);
  return weights;
}

// The 256 symbols by which byte-level BPE writes bytes: printable Latin-1 as itself, the others from U+0100
// on.
std::vector<std::string> byte_symbols() {
  std::vector<std::string> symbols;
  int next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const bool printable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte != 0xad);
    const int code = printable ? byte : next++;
    symbols.push_back(code < 0x80 ? std::string(1, static_cast<char>(code))
                                  : std::string{static_cast<char>(0xc0 | code >> 6),
                                                static_cast<char>(0x80 | (code & 0x3f))});
  }
  return symbols;
}

Json tokenizer() {
  Json vocabulary;
  int id = 0;
  for (const std::string& symbol : byte_symbols()) vocabulary[symbol] = id++;
  const Json byte_level = {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  const Json begin = {{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}};
  const auto text = [](const char* which, int type) {
    return Json{{"Sequence", {{"id", which}, {"type_id", type}}}};
  };
  return {
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", Json::array({{{"id", kBeginToken},
                                     {"content", "<s>"},
                                     {"single_word", false},
                                     {"lstrip", false},
                                     {"rstrip", false},
                                     {"normalized", false},
                                     {"special", true}}})},
      {"normalizer", nullptr},
      {"pre_tokenizer", byte_level},
      {"post_processor",
       {{"type", "TemplateProcessing"},
        {"single", Json::array({begin, text("A", 0)})},
        {"pair", Json::array({begin, text("A", 0), text("B", 1)})},
        {"special_tokens",
         {{"<s>", {{"id", "<s>"}, {"ids", Json::array({kBeginToken})}, {"tokens", Json::array({"<s>"})}}}}}}},
      {"decoder", byte_level},
      {"model",
       {{"type", "BPE"},
        {"dropout", nullptr},
        {"unk_token", nullptr},
        {"continuing_subword_prefix", nullptr},
        {"end_of_word_suffix", nullptr},
        {"fuse_unk", false},
        {"byte_fallback", false},
        {"ignore_merges", false},
        {"vocab", vocabulary},
        {"merges", Json::array()}}}};
}

Json scorer_config() {
  return {{"architectures", {"KVzapModel"}},
          {"model_type", "kvzap"},
          {"dtype", "float32"},
          {"input_dim", kHidden},
          {"hidden_dim", kSurrogateHidden},
          {"output_dim", kKvHeads},
          {"n_modules", kLayers}};
}

// The scores lie around the default threshold of -7, so that about half of the keys go.
Weights scorer_weights() {
  Weights weights(20260102);
  for (int layer = 0; layer < kLayers; ++layer) {
    const std::string prefix = "layers." + std::to_string(layer) + ".";
    weights.add_projection(prefix + "0.weight", kSurrogateHidden, kHidden, 1);
    weights.add(prefix + "0.bias", {kSurrogateHidden}, 0, 0.1);
    weights.add_projection(prefix + "2.weight", kKvHeads, kSurrogateHidden, 3);
    weights.add(prefix + "2.bias", {kKvHeads}, -7, 0.5);
  }
  return weights;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: kvcompare_demo_model FOLDER\n";
    return 2;
  }
  try {
    const std::filesystem::path folder = argv[1];
    std::filesystem::create_directories(folder / "scorer");
    write_json(folder / "config.json", model_config());
    model_weights().write(folder / "model.safetensors");
    write_json(folder / "tokenizer.json", tokenizer());
    write_json(folder / "scorer/config.json", scorer_config());
    scorer_weights().write(folder / "scorer/model.safetensors");
  } catch (const std::exception& error) {
    std::cerr << "kvcompare_demo_model: " << error.what() << '\n';
    return 4;
  }
  return EXIT_SUCCESS;
}
