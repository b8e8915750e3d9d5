#include "launch/commands/tokenized_lines.h"

#include <optional>
#include <vector>

#include "common/log.h"

namespace kvcompare {
namespace {

std::string json_line(const std::vector<TokenId>& ids) {
  std::string line = R"({"input_ids":[)";
  for (std::size_t i = 0; i < ids.size(); ++i) line += (i > 0 ? "," : "") + std::to_string(ids[i]);
  return line + "]}\n";
}

}  // namespace

std::string tokenized_lines(const std::filesystem::path& input, const std::optional<std::string>& text_field,
                            const Encode& encode) {
  JsonlReader reader(input, text_field);
  std::string lines;
  while (const std::optional<JsonlRecord> record = reader.next())
    lines += json_line(record->ids ? *record->ids : encode(record->text.value()));
  for (const auto& warning : warnings_of(reader.ids_for_text(), text_field)) log_warning(warning);
  return lines;
}

}  // namespace kvcompare
