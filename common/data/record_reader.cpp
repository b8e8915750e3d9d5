#include "common/data/record_reader.h"

#include <array>
#include <filesystem>
#include <utility>

#include "common/data/buffered_bytes.h"
#include "common/data/data_file_kind.h"
#include "common/data/json_texts.h"
#include "common/data/jsonl_reader.h"
#include "common/data/plain_text.h"
#include "common/errors.h"

namespace kvcompare {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::size_t kHeadBytes = 4096;

struct NamedSplit {
  TextSplit split;
  std::string_view name;
};
constexpr std::array kSplits{NamedSplit{TextSplit::kPacked, "packed"}, NamedSplit{TextSplit::kFile, "file"},
                             NamedSplit{TextSplit::kBlankLine, "blank_line"},
                             NamedSplit{TextSplit::kLine, "line"}};

// Of the name without that of a compression.
bool is_named_as_text(std::filesystem::path file) {
  if (file.extension() == ".gz" || file.extension() == ".zst") file = file.stem();
  const auto extension = file.extension();
  return extension == ".txt" || extension == ".text" || extension == ".md";
}

// '\0' if there is nothing but white space.
char first_character(std::string_view head) {
  const auto at = head.find_first_not_of(" \t\r\n");
  return at == std::string_view::npos ? '\0' : head[at];
}

}  // namespace

std::string to_string(TextSplit split) {
  for (const auto& one : kSplits)
    if (one.split == split) return std::string(one.name);
  return "";
}

std::optional<TextSplit> parse_text_split(std::string_view name) {
  for (const auto& one : kSplits)
    if (one.name == name) return one.split;
  return std::nullopt;
}

std::unique_ptr<RecordReader> open_records(const std::string& file, const TextFields& fields,
                                           std::optional<TextSplit> split) {
  BufferedBytes bytes(open_bytes(file));
  if (const auto problem = foreign_format(bytes.peek(kHeadBytes), file); !problem.empty())
    throw DataError(file, 0, problem);
  if (bytes.peek(kByteOrderMark.size()) == kByteOrderMark) bytes.skip(kByteOrderMark.size());
  if (split) return plain_text(file, std::move(bytes), *split);
  const char first = first_character(bytes.peek(kHeadBytes));
  if (first == '[') return std::make_unique<JsonlReader>(file, fields, elements_of(std::move(bytes), file));
  if (first != '{' && is_named_as_text(file)) return plain_text(file, std::move(bytes), TextSplit::kPacked);
  return std::make_unique<JsonlReader>(file, fields, lines_of(std::move(bytes)));
}

}  // namespace kvcompare
