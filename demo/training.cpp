#include "demo/training.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/where.h>

#include "common/random_source.h"
#include "demo/curriculum.h"
#include "demo/encoded_document.h"
#include "demo/trained_llama.h"

namespace kvcompare::demo {
namespace {

constexpr std::int64_t kWarmUp = 200;      // steps
constexpr double kFinalShare = 0.05;       // of the learning rate
constexpr double kAnswerWeight = 4;        // of a token that is an answer, in the loss
constexpr std::int64_t kReportEvery = 50;  // steps
constexpr std::uint64_t kGapSeed =
    1 << 20;  // added to the seed, so that gaps are drawn from another stream than the documents

struct Batch {
  at::Tensor ids;        // [n_rows, n_tokens], int64
  at::Tensor is_answer;  // [n_rows, n_tokens - 1], bool; of the predicted tokens
  at::Tensor positions;  // [n_tokens], int64
};

at::Tensor draw_positions(const Stage& stage, RandomSource random) {
  at::Tensor positions = at::arange(stage.n_tokens, at::kLong);
  if (!random.chance(stage.gap_probability)) return positions;
  auto left = static_cast<int>(stage.max_gap);
  for (int gap = 0; gap < 2; ++gap) {
    const auto place = static_cast<std::int64_t>(random.below(static_cast<std::size_t>(stage.n_tokens)));
    const int width = random.between(0, left);
    positions.narrow(0, place, stage.n_tokens - place).add_(width);
    left -= width;
  }
  return positions;
}

Batch draw_batch(const Stage& stage, DocumentEncoder& encoder, std::uint64_t seed, std::int64_t step) {
  Batch batch;
  batch.ids = at::empty({stage.n_rows, stage.n_tokens}, at::kLong);
  batch.is_answer = at::empty({stage.n_rows, stage.n_tokens - 1}, at::kBool);
  DocumentShape shape = stage.shape;
  shape.n_words = static_cast<int>(stage.n_tokens);
  for (std::int64_t row = 0; row < stage.n_rows; ++row) {
    const auto index = static_cast<std::uint64_t>(step * 64 + row);
    const EncodedDocument document = encoder.encode(make_document(shape, seed, index));
    auto* ids = batch.ids[row].data_ptr<std::int64_t>();
    auto* is_answer = batch.is_answer[row].data_ptr<bool>();
    for (std::size_t i = 0; i < static_cast<std::size_t>(stage.n_tokens); ++i) {
      ids[i] = document.ids.at(i);
      if (i > 0) is_answer[i - 1] = document.is_answer[i] != 0;
    }
  }
  batch.positions = draw_positions(stage, RandomSource(seed + kGapSeed, static_cast<std::uint64_t>(step)));
  return batch;
}

double learning_rate(const TrainingOptions& options, std::int64_t step, std::int64_t n_steps) {
  if (step < kWarmUp) return options.learning_rate * static_cast<double>(step + 1) / kWarmUp;
  const double progress = static_cast<double>(step - kWarmUp) / static_cast<double>(n_steps - kWarmUp);
  return options.learning_rate * cosine_decay(progress, kFinalShare);
}

// The results of one step.
struct StepReport {
  double answers, others;  // mean NLL
  double norm;             // of the gradient
};

StepReport train_step(TrainedLlama& model, const Batch& batch, double rate) {
  const at::Tensor nll = model.nll(batch.ids, batch.positions);
  const at::Tensor weight = at::where(batch.is_answer, kAnswerWeight, 1.0).to(at::kFloat);
  const double norm = model.optimiser().step((nll * weight).sum() / weight.sum(), rate);
  const auto mean_where = [&](const at::Tensor& mask) {
    return nll.detach().masked_select(mask).mean().item<double>();
  };
  return {mean_where(batch.is_answer), mean_where(batch.is_answer.logical_not()), norm};
}

// Means since the last printed line.
struct Report {
  StepReport sums{0, 0, 0};
  std::int64_t n_steps = 0, n_tokens = 0;
  std::chrono::steady_clock::time_point begin = std::chrono::steady_clock::now();

  void add(const Batch& batch, const StepReport& step) {
    sums.answers += step.answers;
    sums.others += step.others;
    sums.norm += step.norm;
    ++n_steps;
    n_tokens += batch.ids.numel();
  }

  void print(const std::string& stage, std::int64_t step, std::int64_t tokens) const {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    const auto n = static_cast<double>(n_steps);
    std::printf(
        "step %lld  stage %s  tokens %.1fM  nll of answers %.3f  of others %.3f  gradient %.2f  %.0f "
        "tokens/s\n",
        static_cast<long long>(step), stage.c_str(), static_cast<double>(tokens) / 1e6, sums.answers / n,
        sums.others / n, sums.norm / n, static_cast<double>(n_tokens) / seconds);
    std::fflush(stdout);
  }
};

}  // namespace

void train(const TrainingOptions& options) {
  DocumentEncoder encoder(Tokenizer::load(options.tokenizer));
  LlamaShape shape;
  shape.vocab_size = encoder.vocab_size();
  TrainedLlama model(shape, options.seed);
  AdamW& optimiser = model.optimiser();
  const std::filesystem::path checkpoint = options.output_dir / "training.safetensors";
  std::filesystem::create_directories(options.output_dir);
  if (std::filesystem::exists(checkpoint)) optimiser.load(SafetensorsFile(checkpoint));

  const std::vector<Stage> stages = curriculum();
  std::int64_t n_steps = 0;
  for (const Stage& stage : stages) n_steps += stage.n_steps;
  const std::int64_t end = options.max_steps > 0 ? std::min(options.max_steps, n_steps) : n_steps;

  std::int64_t stage_begin = 0, tokens_before_stage = 0;
  Report report;
  for (const Stage& stage : stages) {
    const std::int64_t stage_end = std::min(stage_begin + stage.n_steps, end);
    for (std::int64_t step = std::max(stage_begin, optimiser.n_steps()); step < stage_end; ++step) {
      const Batch batch = draw_batch(stage, encoder, options.seed, step);
      report.add(batch, train_step(model, batch, learning_rate(options, step, n_steps)));
      const std::int64_t n_done = optimiser.n_steps();
      if (n_done % kReportEvery == 0 || n_done == stage_end) {
        report.print(stage.name, n_done,
                     tokens_before_stage + (n_done - stage_begin) * stage.n_rows * stage.n_tokens);
        report = Report();
      }
      if (n_done % options.save_every == 0) write_safetensors(checkpoint, optimiser.state());
    }
    stage_begin += stage.n_steps;
    tokens_before_stage += stage.n_steps * stage.n_rows * stage.n_tokens;
  }
  write_safetensors(checkpoint, optimiser.state());
  model.export_model(options.output_dir);
  for (const char* file : {"tokenizer.json", "tokenizer_config.json"})
    if (options.tokenizer != options.output_dir && std::filesystem::exists(options.tokenizer / file))
      std::filesystem::copy_file(options.tokenizer / file, options.output_dir / file,
                                 std::filesystem::copy_options::overwrite_existing);
}

}  // namespace kvcompare::demo
