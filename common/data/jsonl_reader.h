// Reads records that are JSON objects.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/data/json_texts.h"
#include "common/data/record_reader.h"
#include "common/data/text_fields.h"
#include "common/data/text_part.h"

namespace kvcompare {

struct JsonLine;

// The warnings for the user about such lines: at most one sentence for each of the two cases.
std::vector<std::string> warnings_of(const IdsForText& taken, const std::optional<std::string>& text_field);

// Those that JsonlReader looks at.
FieldsThatCount fields_that_count(const TextFields& fields);

// Reads records from the lines of a file, from the elements of its array, or from the rows of a table.
class JsonlReader : public RecordReader {
 public:
  JsonlReader(std::string file, TextFields fields, std::unique_ptr<JsonTexts> texts);
  std::optional<JsonlRecord> next() override;
  std::int64_t n_lines() const override { return texts_->n_lines(); }
  IdsForText ids_for_text() const override { return ids_for_text_; }

 private:
  JsonlRecord parse(const std::string& text);
  JsonlRecord record_of_layout(const JsonLine& line) const;
  void take_ids(const JsonLine& line, JsonlRecord& record);
  void take_text(JsonLine& line, const std::string& field, JsonlRecord& record) const;
  void take_parts(const JsonLine& line, std::vector<TextPart> parts, JsonlRecord& record) const;
  JsonlRecord parse_first(const std::string& text);

  std::string path_;
  TextFields fields_;
  std::unique_ptr<JsonTexts> texts_;
  bool is_first_ = true;  // no text has been parsed yet
  IdsForText ids_for_text_;
};

}  // namespace kvcompare
