#include "common/data/record_reader.h"

#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "common/data/buffered_bytes.h"
#include "common/data/data_file_kind.h"
#include "common/data/json_texts.h"
#include "common/data/jsonl_reader.h"
#include "common/data/parquet_rows.h"
#include "common/data/plain_text.h"
#include "common/errors.h"

namespace kvcompare {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::string_view kBlank = " \t\r\n";
constexpr std::size_t kHeadBytes = 4096;
constexpr std::size_t kMostBlankBytes = std::size_t{1} << 20;

// Of the name without that of a compression.
bool is_named_as_text(std::filesystem::path file) {
  if (file.extension() == ".gz" || file.extension() == ".zst") file = file.stem();
  const auto extension = file.extension();
  return extension == ".txt" || extension == ".text" || extension == ".md";
}

// The first two characters that are not white space; '\0' where there is none.
struct FirstCharacters {
  char first = '\0';
  char second = '\0';
};
FirstCharacters first_characters(std::string_view head) {
  const auto first = head.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  const auto second = head.find_first_not_of(kBlank, first + 1);
  return {head[first], second == std::string_view::npos ? '\0' : head[second]};
}

// Enough to know the format: the two characters, and all of the first line that is not blank, as far as it
// is not long. A pipe may give no more for now.
bool is_enough(std::string_view head) {
  const auto first = head.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return head.size() >= kMostBlankBytes;
  if (first_characters(head).second == '\0') return head.size() >= kMostBlankBytes;
  return head.size() - first >= kHeadBytes || head.find('\n', first) != std::string_view::npos;
}

bool is_array_of_objects(const FirstCharacters& characters) {
  return characters.first == '[' && (characters.second == '{' || characters.second == ']');
}
bool is_object(const FirstCharacters& characters) {
  return characters.first == '{' && (characters.second == '"' || characters.second == '}');
}

// A text may begin with the mark of encrypted files ("PARENTS ...").
bool begins_as_parquet(std::string_view head) {
  return head.starts_with(kParquetMark) ||
         (head.starts_with(kEncryptedParquetMark) && head.find('\0') != std::string_view::npos);
}

std::unique_ptr<RecordReader> records_of_parquet(const std::string& file, const TextFields& fields,
                                                 bool is_split) {
  if (is_split)
    throw DataError(file, 0, "is a Parquet file, and --split is for plain text; leave --split out");
  std::error_code ignored;
  if (file == kStandardInput || !std::filesystem::is_regular_file(file, ignored))
    throw DataError(file, 0,
                    "is Parquet, which has its table of contents at its end and cannot be read from a pipe; "
                    "expected the name of a file");
  return std::make_unique<JsonlReader>(file, fields, parquet_rows(file, fields_that_count(fields)));
}

}  // namespace

std::unique_ptr<RecordReader> open_records(const std::string& file, const TextFields& fields,
                                           std::optional<TextSplit> split) {
  BufferedBytes bytes(open_bytes(file));
  while (!is_enough(bytes.buffered()) && bytes.read_more()) {
  }
  if (begins_as_parquet(bytes.buffered())) return records_of_parquet(file, fields, split.has_value());
  if (const auto problem = foreign_format(bytes.buffered(), file); !problem.empty())
    throw DataError(file, 0, problem);
  if (bytes.buffered().starts_with(kByteOrderMark)) bytes.skip(kByteOrderMark.size());
  const auto characters = first_characters(bytes.buffered());
  if (split && (is_object(characters) || is_array_of_objects(characters)))
    throw DataError(file, 0, "holds JSON objects, and --split is for plain text; leave --split out");
  if (split) return plain_text(file, std::move(bytes), *split);
  if (is_array_of_objects(characters))
    return std::make_unique<JsonlReader>(file, fields, elements_of(std::move(bytes), file));
  if (characters.first != '{' && is_named_as_text(file))
    return plain_text(file, std::move(bytes), TextSplit::kPacked);
  return std::make_unique<JsonlReader>(file, fields, lines_of(std::move(bytes)));
}

}  // namespace kvcompare
