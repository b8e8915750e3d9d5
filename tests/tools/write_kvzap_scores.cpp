// write_kvzap_scores MODEL SCORER IDS.jsonl OUT.safetensors
// The scores that the method kvzap gives every key, by the product's own code in float64: for each line of
// IDS.jsonl
// ({"input_ids": [...]}) and layer a tensor "LINE.LAYER" [n_kv_heads, n_tokens], and what they are made of,
// "LINE.LAYER.hidden" [n_tokens, d_model].
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <string>

#include <ATen/ops/full.h>
#include <c10/core/InferenceMode.h>

#include "common/data/dataset.h"
#include "common/run/method_parameters.h"
#include "presses/registry.h"
#include "presses/scorer.h"
#include "tests/support/attention_by_libtorch.h"
#include "worker/checkpoint/kvzap_checkpoint.h"
#include "worker/checkpoint/model_config.h"
#include "worker/checkpoint/safetensors_writer.h"
#include "worker/checkpoint/weights.h"
#include "worker/model/model.h"

int main(int argc, char** argv) try {
  using namespace kvcompare;
  if (argc != 5) {
    std::fputs("usage: write_kvzap_scores MODEL SCORER IDS.jsonl OUT.safetensors\n", stderr);
    return 2;
  }
  const std::filesystem::path folder = argv[1];
  const c10::InferenceMode no_autograd;
  const auto decoder = read_model_config(folder / "config.json").decoder;
  const Model model(decoder, load_weights(folder, decoder, at::kDouble, at::kCPU));
  const auto method = make_method_spec(*find_method("kvzap"), {});
  TrainedScorers surrogates;
  surrogates.emplace(text_of_role(method, ParameterRole::kPlace),
                     load_kvzap_surrogate(argv[2], decoder, std::nullopt, at::kDouble, at::kCPU));
  const auto scorer = make_scorer(method, {.trained = &surrogates});
  DatasetOptions options;
  options.path = argv[3];
  NamedTensors scores;
  for (const auto& sample : read_dataset(options, {}, decoder.vocab_size).samples) {
    auto x = model.embed(sample.ids);
    for (std::int64_t l = 0; l < decoder.n_layers(); ++l) {
      const auto view =
          model.project(LayerIndex(l), {.sample = sample.index, .n_sample_tokens = x.size(0)}, x);
      const auto name = std::to_string(sample.index.value) + "." + std::to_string(l);
      scores.emplace_back(name, std::get<std::unique_ptr<FixedScorer>>(scorer)->score(view));
      scores.emplace_back(name + ".hidden", view.hidden);
      const auto never = at::full({heads_of(decoder).n_kv_heads, x.size(0)}, x.size(0), at::kInt);
      x = model.finish_layer(LayerIndex(l), x, interval_attention(view.q, view.k, view.v, never));
    }
  }
  write_safetensors(argv[4], scores);
  return EXIT_SUCCESS;
} catch (const std::exception& error) {
  std::fprintf(stderr, "write_kvzap_scores: %s\n", error.what());
  return 1;
}
