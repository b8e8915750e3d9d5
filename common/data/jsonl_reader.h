// Reads the lines of a data set, before text is tokenised.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "common/data/text_fields.h"
#include "common/data/text_part.h"
#include "common/ids.h"
#include "common/range.h"

namespace kvcompare {

struct JsonLine;

// One line that is not blank. It holds text, parts of text or ids.
struct JsonlRecord {
  std::int64_t line = 0;  // 1-based
  std::optional<std::string> text{};
  std::vector<TextPart> parts{};
  std::optional<std::vector<TokenId>> ids{};
  // Ascending and apart; of text they count characters (code points), of ids tokens. Parts are scored as a
  // whole instead.
  std::optional<std::vector<Range>> scored{};
  // Lists of such ranges; of parts they count the characters of all parts, joined. None; one, which serves
  // every scored range or part; or one for each, in their order.
  std::vector<std::vector<Range>> evidence{};
  std::optional<std::int64_t> n_context{};  // tokens, at least 1
};

// How many lines had their ids used although a user might expect their text to be used.
struct IdsForText {
  std::int64_t n_beside_text = 0;        // the line holds text too, and the user named no field
  std::int64_t n_without_the_field = 0;  // the user named a field, and the line lacks it
};

// The warnings for the user about such lines: at most one sentence for each of the two cases.
std::vector<std::string> warnings_of(const IdsForText& taken, const std::optional<std::string>& text_field);

// Reads one line at a time. Throws DataError naming file and line.
class JsonlReader {
 public:
  JsonlReader(const std::filesystem::path& path, TextFields fields);
  std::optional<JsonlRecord> next();  // absent at the end of the file
  const IdsForText& ids_for_text() const { return ids_for_text_; }

 private:
  JsonlRecord parse(const std::string& text);
  void take_ids(const JsonLine& line, JsonlRecord& record);
  void take_text(JsonLine& line, const std::string& field, JsonlRecord& record) const;
  void take_parts(const JsonLine& line, std::vector<TextPart> parts, JsonlRecord& record) const;
  JsonlRecord parse_first(const std::string& text);

  std::string path_;
  TextFields fields_;
  std::ifstream file_;
  std::int64_t line_ = 0;
  bool is_first_ = true;  // no line has been parsed yet
  IdsForText ids_for_text_;
};

}  // namespace kvcompare
