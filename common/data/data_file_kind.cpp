#include "common/data/data_file_kind.h"

#include <array>
#include <filesystem>

namespace kvcompare {
namespace {

using namespace std::string_view_literals;

struct Format {
  std::string_view first_bytes;
  std::string_view what;
  std::string_view command;  // FILE stands for the file
};

constexpr std::string_view kOfPandas =
    ".to_json('NEW.jsonl', orient='records', lines=True, force_ascii=False)\"";
constexpr std::string_view kIconv32 = "iconv -f UTF-32 -t UTF-8 FILE > NEW.jsonl";
constexpr std::string_view kIconv16 = "iconv -f UTF-16 -t UTF-8 FILE > NEW.jsonl";

constexpr std::array kFormats{
    Format{"BZh"sv, "is compressed with bzip2", "bzip2 -dc FILE > NEW.jsonl"},
    Format{"\xfd\x37\x7a\x58\x5a\0"sv, "is compressed with xz", "xz -dc FILE > NEW.jsonl"},
    Format{"PK\x03\x04"sv, "is a zip archive", "unzip -p FILE > NEW.jsonl"},
    Format{"PAR1"sv, "is a Parquet file", "python3 -c \"import pandas; pandas.read_parquet('FILE')"},
    Format{"ARROW1"sv, "is an Arrow (Feather) file",
           "python3 -c \"import pandas; pandas.read_feather('FILE')"},
    Format{"\xff\xff\xff\xff"sv, "is an Arrow stream, as the package datasets saves it",
           "python3 -c \"import datasets; datasets.Dataset.from_file('FILE').to_json('NEW.jsonl')\""},
    Format{"version https://git-lfs.github.com/"sv, "is a Git LFS pointer, not the data", "git lfs pull"},
    Format{"\xff\xfe\0\0"sv, "is encoded in UTF-32", kIconv32},
    Format{"\xff\xfe"sv, "is encoded in UTF-16", kIconv16},
    Format{"\xfe\xff"sv, "is encoded in UTF-16", kIconv16},
    Format{"{\0"sv, "is encoded in UTF-16", "iconv -f UTF-16LE -t UTF-8 FILE > NEW.jsonl"},
    Format{"\0{"sv, "is encoded in UTF-16", "iconv -f UTF-16BE -t UTF-8 FILE > NEW.jsonl"},
};

std::string with_file(std::string_view command, const std::string& file) {
  std::string text(command);
  if (const auto at = text.find("FILE"); at != std::string::npos) text.replace(at, 4, file);
  if (text.find("pandas") != std::string::npos) text += kOfPandas;
  return text;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::string made_by(std::string_view command, const std::string& file) {
  return "`" + with_file(command, file) + "` converts it";
}

}  // namespace

std::string foreign_format(std::string_view first_bytes, const std::string& file) {
  for (const auto& format : kFormats)
    if (first_bytes.starts_with(format.first_bytes))
      return std::string(format.what) + "; expected JSON Lines in UTF-8, such as {\"text\": \"...\"}; " +
             made_by(format.command, file);
  if (first_bytes.starts_with('\0')) return "begins with a NUL byte; expected JSON Lines in UTF-8";
  return {};
}

std::string hint_for_first_line(std::string_view line, const std::string& file) {
  const auto text = trimmed(line);
  if (text.empty()) return {};
  if (text.starts_with('#') || text.starts_with("//"))
    return "; JSON Lines knows no comments: remove the line";
  if (text.starts_with("<!DOCTYPE") || text.starts_with("<html")) return "; the file looks like an HTML page";
  if (text.front() == '{' || text.front() == '[') {
    if (std::string_view("{[,").find(text.back()) == std::string_view::npos || text.ends_with("},"))
      return {};
    return "; the file looks like one JSON object over several lines; expected an object a line; " +
           made_by("jq -c . FILE > NEW.jsonl", file);
  }
  if (text.front() == '"') return {};
  const auto extension = std::filesystem::path(file).extension();
  if (extension == ".csv" || extension == ".tsv")
    return "; the file looks like a table (CSV); " +
           made_by(extension == ".csv" ? "python3 -c \"import pandas; pandas.read_csv('FILE')"
                                       : "python3 -c \"import pandas; pandas.read_csv('FILE', sep='\\t')",
                   file);
  return "; the file looks like plain text: --split line, blank_line, file or packed reads it so";
}

std::string hint_for_line(std::string_view line, std::string_view problem) {
  if (problem.find("ill-formed UTF-8") != std::string_view::npos)
    return "; expected UTF-8; if the text is Western European, `iconv -f WINDOWS-1252 -t UTF-8` converts it";
  if (problem.find("expected end of input") == std::string_view::npos) return {};
  if (trimmed(line).find('\r') != std::string_view::npos)
    return "; lines end with CR alone; `tr '\\r' '\\n'` converts them";
  if (problem.find("unexpected '{'") != std::string_view::npos)
    return "; the line holds more than one object; `jq -c .` writes one a line";
  return problem.find("unexpected ','") == std::string_view::npos ? "" : "; no comma follows an object";
}

}  // namespace kvcompare
