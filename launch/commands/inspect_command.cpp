#include "launch/commands/inspect_command.h"

#include <optional>
#include <string>
#include <vector>

#include <unistd.h>

#include "common/errors.h"
#include "common/terminal_width.h"
#include "coordinator/comparison/instance_label.h"
#include "coordinator/reports/inspection.h"
#include "coordinator/reports/journal_comparison.h"
#include "coordinator/reports/tokens_in_text.h"
#include "launch/session/complete_journal.h"
#include "launch/session/page_texts.h"
#include "launch/session/standard_output.h"

namespace kvcompare {
namespace {

void check_what_was_kept(const InspectCommand& command, const RunSpec& spec) {
  std::string missing;
  if (!spec.save_token_nll) missing += " --save_token_nll";
  if (!spec.save_tokens) missing += " --save_tokens";
  if (!missing.empty())
    throw ConfigError("inspect", command.folder.string() +
                                     " holds a run that did not keep what is to be shown; a run with" +
                                     missing + " does");
}

// Places in Comparison::methods, without the baseline.
std::vector<std::size_t> chosen(const Comparison& comparison, const std::optional<std::string>& label) {
  std::vector<std::size_t> places;
  std::string labels;
  for (std::size_t place = 1; place < comparison.methods.size(); ++place) {
    const auto& own = label_of(comparison.methods[place]);
    labels += (labels.empty() ? "" : ", ") + own;
    if (!label || *label == own) places.push_back(place);
  }
  if (places.empty())
    throw ConfigError("--instance", label ? "the run has no instance '" + *label + "'; there are: " + labels
                                          : "the run has no instance beside the baseline");
  return places;
}

std::optional<TokenBytes> bytes_of(const InspectCommand& command, const JournalHeader& header) {
  return command.tokenizer.empty() ? tokenizer_of(header) : TokenBytes::load(command.tokenizer);
}

}  // namespace

ExitCode run_inspect(const InspectCommand& command) {
  const auto journal = read_complete_journal("inspect", command.folder);
  check_what_was_kept(command, journal.header().spec);
  const auto comparison = comparison_of(journal);
  const auto places = chosen(comparison, command.instance);
  const auto bytes = bytes_of(command, journal.header());
  const auto read = read_run(journal);
  std::string text;
  for (const auto place : places) {
    const auto tokens = worst_tokens(comparison, place, static_cast<std::size_t>(command.n_tokens), read);
    text += (text.empty() ? "" : "\n") + inspection_text(label_of(comparison.methods[place]),
                                                         in_text(tokens, read.tokens, bytes),
                                                         terminal_width(STDOUT_FILENO));
  }
  print(text);
  return ExitCode::kComplete;
}

}  // namespace kvcompare
