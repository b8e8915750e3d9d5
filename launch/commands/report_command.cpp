#include "launch/commands/report_command.h"

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
#include "common/terminal_width.h"
#include "coordinator/reports/journal_comparison.h"
#include "coordinator/reports/llama_perplexity.h"
#include "coordinator/reports/page/report_page.h"
#include "coordinator/reports/table.h"
#include "coordinator/write_reports.h"
#include "launch/session/complete_journal.h"
#include "launch/session/publish.h"
#include "launch/session/standard_output.h"

namespace kvcompare {
namespace {

namespace fs = std::filesystem;

struct Run {
  std::string name;
  Journal journal;
  Comparison comparison;
  PageTexts texts;

  PageRun page() const { return {name, comparison, journal.sessions(), texts}; }
};

Run run_in(const fs::path& folder, const ReportCommand& command) {
  auto journal = read_complete_journal("report", folder);
  auto comparison = comparison_of(journal, command.at_density);
  auto texts = page_texts(journal, comparison, command.report_text ? Texts::kShow : Texts::kOmit);
  return {folder.string(), std::move(journal), std::move(comparison), std::move(texts)};
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

constexpr const char* kLlamaPerplexityFormat = "llama-perplexity";

ExitCode print_llama_perplexity(const ReportCommand& command) {
  if (command.folders.size() > 1)
    throw ConfigError("--format", std::string(kLlamaPerplexityFormat) + " is of one run; give one folder");
  if (command.output || command.report_text || command.at_density)
    throw ConfigError("--format", std::string(kLlamaPerplexityFormat) +
                                      " prints tables on stdout and writes no file; leave --output, "
                                      "--report_text and --at_density out");
  const auto journal = read_complete_journal("report", command.folders.front());
  print(llama_perplexity_text(comparison_of(journal), read_run(journal)));
  return ExitCode::kComplete;
}

}  // namespace

ExitCode run_report(const ReportCommand& command) {
  refuse_repeated(command.folders);
  if (command.format == kLlamaPerplexityFormat) return print_llama_perplexity(command);
  const bool is_one = command.folders.size() == 1;
  if (is_one && !command.output && command.at_density)
    throw ConfigError("--at_density",
                      "would change results beside those that the run wrote; give --output FOLDER too");
  const auto folder =
      command.output.value_or(is_one ? command.folders.front() : fs::path("comparison_report"));
  std::vector<Run> runs;
  for (const auto& one : command.folders) runs.push_back(run_in(one, command));
  const DirectoryLock lock(folder);  // makes it
  if (is_one)
    report_one(runs.front(), folder);
  else
    report_several(runs, folder);
  tell_page(folder);
  return ExitCode::kComplete;
}

}  // namespace kvcompare
