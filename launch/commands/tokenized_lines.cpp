#include "launch/commands/tokenized_lines.h"

#include <utility>
#include <vector>

#include "common/data/dataset.h"
#include "common/data/jsonl_reader.h"
#include "common/data/tokenised_line.h"
#include "common/log.h"

namespace kvcompare {
namespace {

std::string json_ranges(const std::vector<TokenRange>& ranges) {
  std::string text;
  for (const auto& [begin, end] : ranges)
    text += (text.empty() ? "[" : ",[") + std::to_string(begin) + "," + std::to_string(end) + "]";
  return "[" + text + "]";
}

// One list as it is, several as a list of lists.
std::string json_evidence(const std::vector<std::vector<TokenRange>>& lists) {
  if (lists.size() == 1) return json_ranges(lists.front());
  std::string text;
  for (const auto& list : lists) text += (text.empty() ? "" : ",") + json_ranges(list);
  return "[" + text + "]";
}

std::string json_line(const TokenisedLine& tokens) {
  std::string line = R"({"input_ids":[)";
  for (std::size_t i = 0; i < tokens.ids.size(); ++i)
    line += (i > 0 ? "," : "") + std::to_string(tokens.ids[i]);
  line += "]";
  if (tokens.scored) line += R"(,"scored":)" + json_ranges(*tokens.scored);
  if (!tokens.evidence.empty()) line += R"(,"evidence":)" + json_evidence(tokens.evidence);
  if (tokens.n_context) line += R"(,"context_length":)" + std::to_string(*tokens.n_context);
  return line + "}\n";
}

}  // namespace

std::string tokenized_lines(const DataSource& data, const Encode& encode) {
  DataReader reader(data);
  std::string lines;
  std::int64_t n_begin_twice = 0;
  while (auto record = reader.next()) {
    const auto tokens = tokenised(std::move(*record), encode, {reader.file(), record->line});
    if (tokens.begins_twice) ++n_begin_twice;
    lines += json_line(tokens);
  }
  for (const auto& warning : warnings_of(reader.ids_for_text(), data.fields.text)) log_warning(warning);
  if (const auto warning = warning_of_begin_twice(n_begin_twice)) log_warning(*warning);
  return lines;
}

}  // namespace kvcompare
