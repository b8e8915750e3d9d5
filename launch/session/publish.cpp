#include "launch/session/publish.h"

#include <algorithm>
#include <string>
#include <system_error>

#include <unistd.h>

#include "common/errors.h"
#include "common/log.h"
#include "common/plural.h"
#include "common/terminal_width.h"
#include "coordinator/journal/journal.h"
#include "coordinator/reports/aggregate.h"
#include "coordinator/reports/journal_comparison.h"
#include "coordinator/reports/table.h"
#include "coordinator/write_reports.h"
#include "launch/session/output_folder.h"
#include "launch/session/standard_output.h"

namespace kvcompare {
namespace {

// The table is printed even if the files cannot be written, because the numbers have cost hours.
void write_and_print(const std::filesystem::path& folder, const Comparison& comparison,
                     const Journal& journal, Texts texts) {
  try {
    write_reports(folder, comparison, journal.sessions(), read_run(journal),
                  page_texts(journal, comparison, texts));
  } catch (const OutputError&) {
    print(table(comparison, terminal_width(STDOUT_FILENO)));
    throw;
  }
  print(table(comparison, terminal_width(STDOUT_FILENO)));
  tell_page(folder);
}

void check_attempts_agree(const Journal& journal) {
  if (journal.contradictions().empty()) return;
  const auto unit = journal.contradictions().front();
  throw InvariantError(
      counted(std::ssize(journal.contradictions()), "unit") +
      " gave other values when evaluated again, the first of them sample " +
      std::to_string(unit.sample.value) + ", method " + std::to_string(unit.method.value) +
      "; the first values are reported. They were evaluated with the same arithmetic: a memory, a "
      "disk or a processor is faulty");
}

// The journal is all that a shard gives.
ExitCode publish_shard(const std::filesystem::path& folder, const Journal& journal) {
  check_attempts_agree(journal);
  write_shard_marker(folder, journal.header());
  log_info("shard " + to_string(*journal.header().shard) +
           " is complete: " + counted(journal.n_units(), "unit") + " in " + journal.file().string() +
           "; kvcompare merge makes the results of all shards");
  const bool any_failed =
      std::ranges::any_of(journal.units(), [](const auto& entry) { return !entry.second.summary; });
  return any_failed ? ExitCode::kQuarantinedUnits : ExitCode::kComplete;
}

}  // namespace

void tell_page(const std::filesystem::path& folder) {
  std::error_code error;
  const auto page = std::filesystem::absolute(folder / kPageFile, error);
  log_info("to look at: " + (error ? folder / kPageFile : page.lexically_normal()).string());
}

ExitCode publish(const std::filesystem::path& folder, Texts texts) {
  const Journal journal(journal_path(folder));
  if (journal.n_settled() < journal.n_units()) {
    log_warning("interrupted: " + std::to_string(journal.n_settled()) + " of " +
                counted(journal.n_units(), "unit") + " done and safe in " + journal.file().string() +
                "; run again with --resume to continue");
    return ExitCode::kInterrupted;
  }
  if (journal.header().shard) return publish_shard(folder, journal);
  const auto comparison = comparison_of(journal);
  write_and_print(folder, comparison, journal, texts);
  check_attempts_agree(journal);
  check_effect(journal.header().spec, journal.units());
  const bool any_failed =
      std::ranges::any_of(comparison.methods, [](const auto& method) { return !method.failed.empty(); });
  return any_failed ? ExitCode::kQuarantinedUnits : ExitCode::kComplete;
}

}  // namespace kvcompare
