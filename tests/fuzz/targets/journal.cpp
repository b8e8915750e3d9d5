// The journal of a run. The last byte chooses whether damage is salvaged, and whether every line gets its
// checksum here: what lines say is only looked at if the checksum is right.
#include "coordinator/journal/journal.h"

#include <algorithm>
#include <optional>

#include "coordinator/journal/journal_line.h"
#include "tests/fuzz/fuzzed_input.h"
#include "tests/fuzz/refusal.h"
#include "tests/fuzz/targets.h"

namespace kvcompare::fuzz {
namespace {

std::string with_checksums(std::string_view lines) {
  std::string text;
  for (std::size_t begin = 0; begin < lines.size();) {
    const auto end = std::min(lines.find('\n', begin), lines.size());
    text += journal_line(lines.substr(begin, end - begin));
    begin = end + 1;
  }
  return text;
}

void read_all(const Journal& journal) {
  for (const auto& [unit, record] : journal.units()) {
    if (!record.summary) continue;
    expect(journal.read_unit(unit).unit == unit, "another unit than the one asked for");
    if (journal.has_tokens(unit.sample)) journal.read_tokens(unit.sample);
  }
  journal.deaths();
  expect(journal.n_settled() <= journal.n_units(), "more units are settled than there are");
}

// What is salvaged is a journal without damage that knows the same units.
void check_salvaged(const Journal& journal, const InputFolder& folder) {
  const Journal again(folder.write("salvaged.jsonl", journal.intact_text()));
  expect(again.units().size() == journal.units().size(), "units are lost or won when a journal is salvaged");
}

}  // namespace

void journal(std::string_view input) {
  static const InputFolder folder;
  const Choice choice(input);
  const auto file = folder.write("journal.jsonl", choice.bit(1) ? with_checksums(input) : std::string(input));
  std::optional<Journal> read;
  if (!is_accepted([&] { read.emplace(file, choice.bit(0) ? Damage::kSalvage : Damage::kRefuse); },
                   ExitCode::kBadInput, file.string()))
    return;
  read_all(*read);
  if (choice.bit(0)) check_salvaged(*read, folder);
}

}  // namespace kvcompare::fuzz
