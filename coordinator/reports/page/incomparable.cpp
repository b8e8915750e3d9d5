#include "coordinator/reports/page/incomparable.h"

#include <functional>
#include <utility>

#include "common/run/dtype.h"

namespace kvcompare {
namespace {

using Property = std::function<std::string(const PageRun&)>;

struct Rule {
  const char* what;  // "data"
  Property shown;    // what a reader is told. Runs differ if this differs, unless `decides` is set
  Property decides;
  const char* consequence;
};

std::string dtype_of(const RunSpec& spec) { return spec.dtype ? to_string(*spec.dtype) : "auto"; }

// What of the protocol the chunk size does not say.
std::string protocol_of_run(const PageRun& run) {
  const auto& spec = run.comparison.spec;
  if (spec.protocol == ProtocolKind::kDecode) return to_string(spec.protocol);
  return to_string(spec.protocol) + ", context " +
         (spec.context_length ? context_length_text(*spec.context_length) : "of the data") +
         (spec.budget_counts == BudgetCounts::kGenerated ? ", budgets of generated keys" : "");
}

const std::vector<Rule>& rules() {
  static const std::vector<Rule> all = {
      {"model", [](const PageRun& run) { return run.comparison.spec.model_name; },
       [](const PageRun& run) { return run.comparison.inputs.model; },
       "A difference between their curves may come from the model."},
      {"data", [](const PageRun& run) { return run.comparison.spec.data_path; },
       [](const PageRun& run) { return run.comparison.inputs.data; },
       "Their samples are not the same: perplexities and ΔNLL of one run say nothing about the samples of "
       "another."},
      {"tokenizer", [](const PageRun&) { return std::string(); },
       [](const PageRun& run) { return run.comparison.inputs.tokenizer; },
       "A token is not the same amount of text: NLL and ΔNLL per token, and perplexity, are on different "
       "scales."},
      {"protocol",
       protocol_of_run,
       {},
       "Keys are evicted at other times, so that the same budget withholds other keys from other queries."},
      {"chunk_size",
       [](const PageRun& run) { return std::to_string(run.comparison.spec.chunk_size); },
       {},
       "Keys live longer with larger chunks, so the same compression ratio costs less and keeps more of what "
       "queries read."},
      {"max_length",
       [](const PageRun& run) { return std::to_string(run.comparison.spec.max_length); },
       {},
       "Samples may be cut at different places, and a method costs more where contexts are longer."},
      {"dtype",
       [](const PageRun& run) { return dtype_of(run.comparison.spec); },
       {},
       "Numbers are rounded differently, and bytes of the cache count numbers of different size."},
      {"number of samples",
       [](const PageRun& run) { return std::to_string(run.comparison.n_samples); },
       {},
       "Intervals are wider where there are fewer samples."},
  };
  return all;
}

// "a: 1; b and c: 128"; only the names if there is no value to show.
std::string who_has_what(std::span<const PageRun> runs, const Rule& rule) {
  std::vector<std::pair<std::string, std::string>> groups;  // the value that decides; the text for it
  for (const PageRun& run : runs) {
    const auto key = rule.decides ? rule.decides(run) : rule.shown(run);
    auto at = groups.begin();
    while (at != groups.end() && at->first != key) ++at;
    if (at == groups.end()) {
      const auto shown = rule.shown(run);
      groups.emplace_back(key, run.name + (shown.empty() ? "" : " (" + shown + ")"));
    } else {
      at->second += " = " + run.name;
    }
  }
  if (groups.size() < 2) return "";
  std::string text;
  for (const auto& [key, names] : groups) text += (text.empty() ? "" : " ≠ ") + names;
  return text;
}

}  // namespace

std::vector<std::string> incomparable(std::span<const PageRun> runs) {
  std::vector<std::string> sentences;
  for (const Rule& rule : rules())
    if (const auto who = who_has_what(runs, rule); !who.empty())
      sentences.push_back("Not the same " + std::string(rule.what) + ": " + who + ". " + rule.consequence);
  return sentences;
}

}  // namespace kvcompare
