#include "launch/commands/report_command.h"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <unistd.h>

#include "common/errors.h"
#include "common/files/atomic_file.h"
#include "common/files/directory_lock.h"
#include "common/log.h"
#include "common/plural.h"
#include "common/terminal_width.h"
#include "coordinator/reports/journal_comparison.h"
#include "coordinator/reports/page/report_page.h"
#include "coordinator/reports/table.h"
#include "coordinator/write_reports.h"
#include "launch/session/output_folder.h"
#include "launch/session/publish.h"
#include "launch/session/standard_output.h"
#include "launch/session/texts_of_samples.h"

namespace kvcompare {
namespace {

namespace fs = std::filesystem;

struct Run {
  std::string name;
  Journal journal;
  Comparison comparison;
  std::map<SampleIndex, std::string> first_words;

  PageRun page() const { return {name, comparison, journal.sessions(), first_words}; }
};

Journal read_complete_journal(const fs::path& folder) {
  std::error_code error;
  if (!fs::exists(journal_path(folder), error) && !error)
    throw ConfigError("report", folder.string() + " holds no journal.jsonl; give the --output_dir of a run");
  Journal journal(journal_path(folder));
  if (journal.n_settled() < journal.n_units())
    throw ConfigError(
        "report", folder.string() +
                      " holds a run that is not complete: " + std::to_string(journal.n_settled()) + " of " +
                      counted(journal.n_units(), "unit") + " are done; kvcompare --resume goes on with it");
  return journal;
}

Run read_run(const fs::path& folder, const ReportCommand& command) {
  auto journal = read_complete_journal(folder);
  auto comparison = comparison_of(journal, command.at_density);
  auto words = command.report_text ? texts_of_samples(journal.header()) : TextsOfSamples{};
  return {folder.string(), std::move(journal), std::move(comparison), std::move(words)};
}

void refuse_repeated(const std::vector<fs::path>& folders) {
  std::set<fs::path> seen;
  for (const auto& folder : folders) {
    std::error_code error;
    if (!seen.insert(fs::weakly_canonical(folder, error)).second)
      throw ConfigError("report", folder.string() + " is given twice; give each folder once");
  }
}

void report_one(const Run& run, const fs::path& folder) {
  write_for_people(folder, run.page());
  print(table(run.comparison, terminal_width(STDOUT_FILENO)));
}

void report_several(const std::vector<Run>& runs, const fs::path& folder) {
  std::vector<PageRun> pages;
  for (const auto& run : runs) pages.push_back(run.page());
  write_file_atomically(folder / kPageFile, report_page(pages));
}

}  // namespace

ExitCode run_report(const ReportCommand& command) {
  refuse_repeated(command.folders);
  const bool is_one = command.folders.size() == 1;
  if (is_one && !command.output && command.at_density)
    throw ConfigError("--at_density",
                      "would change results beside those that the run wrote; give --output FOLDER too");
  const auto folder =
      command.output.value_or(is_one ? command.folders.front() : fs::path("comparison_report"));
  std::vector<Run> runs;
  for (const auto& one : command.folders) runs.push_back(read_run(one, command));
  const DirectoryLock lock(folder);  // makes it
  if (is_one)
    report_one(runs.front(), folder);
  else
    report_several(runs, folder);
  tell_page(folder);
  return ExitCode::kComplete;
}

}  // namespace kvcompare
