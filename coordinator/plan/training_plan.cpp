#include "coordinator/plan/training_plan.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "common/errors.h"
#include "common/plural.h"
#include "common/random_source.h"
#include "common/shortest.h"

namespace kvcompare {
namespace {

constexpr std::uint64_t kHeldOutStream = ~std::uint64_t{0};  // a number that is no index of a sample, for a
                                                             // random stream of its own

RepeatedPrompt prompt_of(const Sample& sample, const PlanInputs& inputs, const KvzapTrainingSpec& spec) {
  const auto& ids = sample.ids;
  const auto n_begin = std::ranges::mismatch(ids, inputs.begin).in1 - ids.begin();
  RepeatedPrompt prompt{.sample = sample.index,
                        .ids = ids,
                        .n_context = std::ssize(ids),
                        .repeat_begin = std::ssize(ids) + std::ssize(inputs.request),
                        .positions = std::vector<std::int64_t>(ids.size())};
  prompt.ids.insert(prompt.ids.end(), inputs.request.begin(), inputs.request.end());
  prompt.ids.insert(prompt.ids.end(), ids.begin() + n_begin, ids.end());
  std::iota(prompt.positions.begin(), prompt.positions.end(), 0);
  RandomSource random(spec.seed, static_cast<std::uint64_t>(sample.index.value));
  random.shuffle(std::span(prompt.positions));
  prompt.positions.resize(static_cast<std::size_t>(std::min(spec.positions_per_prompt, prompt.n_context)));
  std::ranges::sort(prompt.positions);
  return prompt;
}

std::set<SampleIndex> draw_held_out(const std::vector<RepeatedPrompt>& prompts, double share,
                                    std::uint64_t seed) {
  std::vector<SampleIndex> order;
  order.reserve(prompts.size());
  for (const auto& prompt : prompts) order.push_back(prompt.sample);
  RandomSource(seed, kHeldOutStream).shuffle(std::span(order));
  const auto n = std::clamp<std::int64_t>(std::llround(share * static_cast<double>(order.size())), 1,
                                          std::ssize(order) - 1);
  return {order.begin(), order.begin() + n};
}

}  // namespace

TrainingPlan plan_training(const PlanInputs& inputs, const KvzapTrainingSpec& spec) {
  TrainingPlan plan;
  std::int64_t longest = 0;
  for (const auto& sample : inputs.samples) {
    longest = std::max(longest, std::ssize(sample.ids));
    if (std::ssize(sample.ids) >= spec.min_tokens) plan.prompts.push_back(prompt_of(sample, inputs, spec));
  }
  if (plan.prompts.size() < 2)
    throw DataError(
        inputs.data_path, 0,
        std::to_string(plan.prompts.size()) + " of its " + counted(std::ssize(inputs.samples), "sample") +
            (plan.prompts.size() == 1 ? " has" : " have") + " min_tokens = " +
            std::to_string(spec.min_tokens) + " tokens or more (the longest has " + std::to_string(longest) +
            "); two are needed at least, one to fit to and one held out. Give more or longer texts, or a "
            "smaller --min_tokens");
  plan.held_out = draw_held_out(plan.prompts, spec.held_out, spec.seed);
  std::int64_t n_positions = 0;
  for (const auto& prompt : plan.prompts)
    if (!plan.held_out.contains(prompt.sample)) n_positions += std::ssize(prompt.positions);
  if (n_positions < inputs.d_model) {
    const auto n_fitted = std::ssize(plan.prompts) - std::ssize(plan.held_out);
    const auto needed = (inputs.d_model * n_fitted + n_positions - 1) / n_positions;
    throw DataError(
        inputs.data_path, 0,
        "gives " + counted(n_positions, "position") + " of " + counted(n_fitted, "prompt") +
            " to fit to, fewer than the " + std::to_string(inputs.d_model) +
            " channels of the model's hidden states; about " + std::to_string(needed) +
            " such prompts are needed at the very least, hundreds for a good surrogate. Give more texts, "
            "or a larger --positions_per_prompt");
  }
  return plan;
}

Identity training_identity(const KvzapTrainingSpec& spec, const TrainingInputs& inputs) {
  Identity identity{{"kvzap_model_type", spec.kvzap_model_type},
                    {"min_tokens", std::to_string(spec.min_tokens)},
                    {"max_tokens", std::to_string(spec.max_tokens)},
                    {"positions_per_prompt", std::to_string(spec.positions_per_prompt)},
                    {"repeat_prompt", spec.repeat_prompt},
                    {"held_out", shortest(spec.held_out)},
                    {"seed", std::to_string(spec.seed)},
                    {"dtype", inputs.dtype},
                    {"device_type", inputs.device_type},
                    {"model", inputs.hashes.model},
                    {"data", inputs.hashes.data},
                    {"version.numbers", std::to_string(inputs.versions.numbers)},
                    {"version.libtorch", inputs.versions.libtorch}};
  if (inputs.numerics) identity = with_numerics(std::move(identity), {*inputs.numerics});
  if (!inputs.hashes.tokenizer.empty()) identity["tokenizer"] = inputs.hashes.tokenizer;
  if (spec.kvzap_model_type == "linear") {
    identity["ridge"] = shortest(spec.ridge);
  } else {
    identity["hidden_dim"] = std::to_string(spec.hidden_dim);
    identity["epochs"] = std::to_string(spec.n_epochs);
    identity["batch_size"] = std::to_string(spec.batch_size);
    identity["learning_rate"] = shortest(spec.learning_rate);
  }
  return identity;
}

}  // namespace kvcompare
