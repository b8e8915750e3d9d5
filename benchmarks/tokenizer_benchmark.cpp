// Measures the tokenizer: bytes of English text per second on one core. The vocabularies of Qwen2 and Llama
// 2, and TinyStories, are read from the folder that the environment variable KVCOMPARE_TEST_ASSETS names.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <nlohmann/json.hpp>

#include "common/tokenizer/tokenizer.h"

namespace {

using kvcompare::Tokenizer;

std::filesystem::path assets() {
  const char* folder = std::getenv("KVCOMPARE_TEST_ASSETS");
  return folder == nullptr ? "" : folder;
}

// Texts of about 1 kB each, made of sentences. Words are drawn with Zipf's frequencies; some are numbers.
std::vector<std::string> made_english() {
  const std::vector<std::string> words = {"the",
                                          "of",
                                          "and",
                                          "a",
                                          "to",
                                          "in",
                                          "is",
                                          "that",
                                          "it",
                                          "was",
                                          "for",
                                          "on",
                                          "with",
                                          "as",
                                          "his",
                                          "they",
                                          "river",
                                          "miller",
                                          "counted",
                                          "wouldn't",
                                          "yesterday",
                                          "understanding",
                                          "remarkable",
                                          "house",
                                          "grandmother's",
                                          "1984"};
  std::mt19937 random(1);
  std::vector<double> weights;
  for (std::size_t i = 0; i < words.size(); ++i) weights.push_back(1.0 / static_cast<double>(i + 1));
  std::discrete_distribution<std::size_t> draw(weights.begin(), weights.end());
  std::vector<std::string> texts(1000);
  for (std::string& text : texts) {
    for (int i = 0; i < 200; ++i) text += (i == 0 ? "" : i % 12 == 0 ? ". " : " ") + words[draw(random)];
  }
  return texts;
}

std::vector<std::string> english() {
  std::ifstream stream(assets() / "text" / "tinystories.jsonl");
  std::vector<std::string> texts;
  for (std::string line; std::getline(stream, line);) {
    texts.push_back(nlohmann::json::parse(line).at("text").get<std::string>());
  }
  return texts.empty() ? made_english() : texts;
}

void encode(benchmark::State& state, const char* vocabulary) {
  const std::filesystem::path folder = assets() / "tokenizers" / vocabulary;
  if (assets().empty() || !std::filesystem::exists(folder)) {
    state.SkipWithError(("no KVCOMPARE_TEST_ASSETS/tokenizers/" + std::string(vocabulary)).c_str());
    return;
  }
  const Tokenizer tokenizer = Tokenizer::load(folder);
  const std::vector<std::string> texts = english();
  std::int64_t n_bytes = 0;
  for (auto unused : state) {
    for (const std::string& text : texts) {
      benchmark::DoNotOptimize(tokenizer.encode(text));
      n_bytes += static_cast<std::int64_t>(text.size());
    }
  }
  state.SetBytesProcessed(n_bytes);
}

void load(benchmark::State& state, const char* vocabulary) {
  const std::filesystem::path folder = assets() / "tokenizers" / vocabulary;
  if (assets().empty() || !std::filesystem::exists(folder)) {
    state.SkipWithError(("no KVCOMPARE_TEST_ASSETS/tokenizers/" + std::string(vocabulary)).c_str());
    return;
  }
  for (auto unused : state) benchmark::DoNotOptimize(Tokenizer::load(folder));
}

BENCHMARK_CAPTURE(encode, qwen2, "qwen2")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(encode, gpt2, "gpt2")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(encode, llama2, "llama2")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(load, qwen2, "qwen2")->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
