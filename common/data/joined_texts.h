// The texts of a data set as one, with a string between each two.
#pragma once

#include <optional>
#include <string>

#include "common/data/data_place.h"
#include "common/data/jsonl_record.h"

namespace kvcompare {

class JoinedTexts {
 public:
  explicit JoinedTexts(std::string between) : between_(std::move(between)) {}

  // Throws DataError if the record is no text alone.
  void add(JsonlRecord record, const DataPlace& place);

  // All that was added, to be cut into samples; absent if that is nothing.
  std::optional<JsonlRecord> take();

 private:
  std::string between_;
  std::optional<JsonlRecord> all_;
};

}  // namespace kvcompare
