#include "coordinator/reports/summary_md.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "common/plural.h"
#include "common/run/method_parameters.h"
#include "coordinator/comparison/instance_label.h"
#include "coordinator/reports/comparison_grid.h"
#include "coordinator/reports/equal_density_grid.h"
#include "coordinator/reports/markdown_text.h"
#include "coordinator/reports/number_text.h"
#include "coordinator/reports/plain_words.h"
#include "coordinator/reports/protocol_text.h"
#include "coordinator/reports/scored_note.h"

namespace kvcompare {
namespace {

using Cells = std::vector<std::string>;

std::string line_of(const Cells& cells) {
  std::string line = "|";
  for (const auto& cell : cells) line += " " + markdown_text(cell) + " |";
  return line + "\n";
}

// rows[0]: the titles. The first column is aligned left, the others right.
std::string table_of(const std::vector<Cells>& rows) {
  std::string text = line_of(rows.front()) + "|---|";
  for (std::size_t i = 1; i < rows.front().size(); ++i) text += "---:|";
  text += "\n";
  for (std::size_t r = 1; r < rows.size(); ++r) text += line_of(rows[r]);
  return text;
}

// Enough of the hash to tell files apart.
std::string short_hash(const std::string& hash) { return hash.substr(0, 16); }

std::string samples_text(const Comparison& comparison) {
  std::string text = counted(comparison.n_samples, "sample");
  if (const auto& totals = comparison.methods.at(0).totals)
    text +=
        ", " + counted(totals->total_tokens, comparison.scores_ranges() ? "scored token" : "predicted token");
  if (!comparison.skipped.empty())
    text += "; " + std::to_string(comparison.skipped.size()) + " skipped, without a scored token";
  if (comparison.truncated.n_samples > 0)
    text += "; " + std::to_string(comparison.truncated.n_samples) + " cut at " +
            std::to_string(comparison.spec.max_length) + " tokens";
  return text;
}

std::string windows_text(const ModelShape& model) {
  if (!model.sliding_window) return "";
  return counted(model.n_sliding_layers(), "layer") + " with a window of " +
         counted(*model.sliding_window, "token") + ", in which nothing is evicted and no key is counted; ";
}

std::string model_text(const ModelShape& model, const std::string& hash) {
  return counted(model.n_layers, "layer") + ", " + counted(model.n_heads, "query head") + " and " +
         counted(model.n_kv_heads, "KV head") + " of size " + std::to_string(model.head_dim) + ", " +
         std::to_string(model.vocab_size) + " tokens in the vocabulary; " + windows_text(model) + "SHA-256 " +
         short_hash(hash) + "…";
}

std::string arithmetic_text(const Comparison& comparison) {
  const auto& spec = comparison.spec;
  std::string text = (spec.dtype ? to_string(*spec.dtype) : "auto");
  if (!spec.device_type.empty()) text += " on " + spec.device_type;
  for (const auto& numerics : comparison.numerics)
    text += (&numerics == &comparison.numerics.front() ? ": " : "; ") + numerics.processor + ", libtorch " +
            numerics.libtorch;
  return text;
}

std::string what_was_compared(const Comparison& comparison) {
  const auto& spec = comparison.spec;
  const std::vector<Cells> rows{{"what", ""},
                                {"model", model_text(comparison.model, comparison.inputs.model)},
                                {"data", samples_text(comparison) + "; SHA-256 of the token ids " +
                                             short_hash(comparison.inputs.data) + "…"},
                                {"protocol", protocol_sentence(spec) + ", at most " +
                                                 std::to_string(spec.max_length) + " tokens a sample"},
                                {"engine", spec.engine},
                                {"computed in", arithmetic_text(comparison)},
                                {"fingerprint", short_hash(comparison.fingerprint)}};
  std::string text = "| what | |\n|---|---|\n";
  for (std::size_t i = 1; i < rows.size(); ++i) text += line_of(rows[i]);
  return text + "\nNames and paths of the model and the data, dates and versions are in `run.json`.\n";
}

std::string results(const Comparison& comparison) {
  const auto grid = comparison_grid(comparison);
  std::vector<Cells> rows{{"method"}};
  rows[0].insert(rows[0].end(), grid.titles.begin(), grid.titles.end());
  for (std::size_t place = 0; place < comparison.methods.size(); ++place) {
    rows.push_back({label_of(comparison.methods[place])});
    rows.back().insert(rows.back().end(), grid.rows[place].begin(), grid.rows[place].end());
  }
  std::string text =
      table_of(rows) +
      "\nΔ and Δ %: perplexity less that of the baseline. ΔNLL: nats a predicted token more than the "
      "baseline. Kept: share of the keys that were there at the end of the samples. Attended: share of "
      "the keys that queries really read.\n";
  if (const auto note = scored_note(comparison); !note.empty()) text += "**" + markdown_text(note) + ".**\n";
  if (std::ranges::count(grid.titles, column::kNllInterval) > 0)
    text += std::string("95 % interval: of ΔNLL, from a bootstrap over samples. ") + "\\" +
            kNotDistinguishable +
            " behind ΔNLL: not distinguishable from the baseline, by the interval or by "
            "the sign-flip test after Holm's correction.\n";
  if (std::ranges::count(grid.titles, column::kMeanKl) > 0)
    text +=
        "Mean KL: how far the distribution of the next token is from the baseline's, in nats a token. Same "
        "top-1: share of the tokens for which both have the same first choice.\n";
  if (std::ranges::count(grid.titles, column::kAnswers) > 0)
    text += "Answers: scored ranges that greedy generation would have written exactly, of all.\n";
  if (std::ranges::count(grid.titles, column::kEvidence) > 0)
    text +=
        "Evidence kept: share of the keys of the evidence that the data states which are kept when a scored "
        "range is reached.\n";
  if (const auto reason = why_no_intervals(comparison); !reason.empty())
    text += "There are no intervals: " + markdown_text(reason) + ".\n";
  return text;
}

std::string in_plain_words(const Comparison& comparison) {
  std::string text = "\n## In plain words\n\n";
  for (std::size_t place = 0; place < comparison.methods.size(); ++place)
    text += "- **" + markdown_text(label_of(comparison.methods[place])) +
            "**: " + markdown_text(plain_words(comparison, place)) + ".\n";
  return text;
}

std::string failures(const Comparison& comparison) {
  std::string text;
  for (const auto& method : comparison.methods)
    for (const auto& failed : method.failed)
      text += "- " +
              markdown_text(label_of(method) + ": sample " + std::to_string(failed.sample.value) +
                            " failed after " + counted(failed.n_attempts, "attempt") + ": " + failed.reason) +
              "\n";
  return text.empty() ? "" : "\n## Failed\n\n" + text;
}

std::string equal_density(const Statistics& statistics) {
  const auto grid = equal_density_grid(statistics);
  if (grid.rows.empty()) return "";
  return "\n## At equal density\n\nΔNLL in nats a token, between the neighbouring points of a method's "
         "sweep; "
         "never beyond its ends (" +
         std::string(kNoValue) + ").\n\n" + table_of(text_rows(grid, "density attended", Intervals::kShown));
}

std::string warnings(const std::vector<Warning>& warnings) {
  std::string text;
  for (const auto& warning : warnings) text += "- " + markdown_text(warning.text) + "\n";
  return text.empty() ? "" : "\n## Warnings\n\n" + text;
}

std::string how_to_repeat(const Comparison& comparison) {
  std::set<std::string> places;  // flags that say where a scorer, or scores, lie
  for (const auto& method : comparison.methods)
    if (const auto* place = find_parameter(method.spec, ParameterRole::kPlace)) places.insert(place->name);
  std::string scorer;
  for (const auto& place : places)
    scorer += " --" + place + (is_place_of_scores(place) ? " FOLDER" : " SCORER");
  return "\n## How to repeat\n\nWith the folder that this file lies in as `OUT`:\n\n```sh\n"
         "kvcompare rerun OUT                  # again, with model and data where run.json says they were\n"
         "kvcompare verify OUT --recompute 3   # the files are those of the run; three samples again\n"
         "kvcompare --config OUT/detailed_results.json --model_name MODEL --data_path DATA" +
         scorer + " --output_dir ANOTHER\n```\n";
}

}  // namespace

std::string summary_md(const Comparison& comparison) {
  return "# Comparison of key-cache eviction methods\n\n" + what_was_compared(comparison) +
         "\n## Results\n\n" + results(comparison) + in_plain_words(comparison) +
         equal_density(comparison.statistics) + failures(comparison) + warnings(comparison.warnings) +
         how_to_repeat(comparison);
}

}  // namespace kvcompare
