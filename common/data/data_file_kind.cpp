#include "common/data/data_file_kind.h"

#include <array>
#include <filesystem>
#include <system_error>

namespace kvcompare {
namespace {

using namespace std::string_view_literals;

struct Format {
  std::string_view first_bytes;
  std::string_view what;
  std::string_view command;  // FILE stands for the file; or another remedy as a sentence
};

constexpr std::string_view kOfPandas =
    ".to_json('NEW.jsonl', orient='records', lines=True, force_ascii=False)\"";
constexpr std::string_view kIconv32 = "iconv -f UTF-32 -t UTF-8 FILE > NEW.jsonl";
constexpr std::string_view kIconv16 = "iconv -f UTF-16 -t UTF-8 FILE > NEW.jsonl";

constexpr std::string_view kIsModel =
    "it is no data set; --model_name takes a folder of a model with config.json and *.safetensors";

constexpr std::array kFormats{
    Format{"BZh"sv, "is compressed with bzip2", "bzip2 -dc FILE > NEW.jsonl"},
    Format{"\xfd\x37\x7a\x58\x5a\0"sv, "is compressed with xz", "xz -dc FILE > NEW.jsonl"},
    Format{"GGUF"sv, "is a GGUF file, a model of llama.cpp", kIsModel},
    Format{"\x93NUMPY"sv, "is an array of NumPy",
           "python3 -c \"import json, numpy; [print(json.dumps({'input_ids': row.tolist()})) for row in "
           "numpy.atleast_2d(numpy.load('FILE'))]\" > NEW.jsonl"},
    Format{"\x80\x02"sv, "is a pickle of Python, as weights of PyTorch are", kIsModel},
    Format{"SQLite format 3"sv, "is a database of SQLite",
           "sqlite3 -json FILE 'SELECT ... AS text FROM ...' > NEW.json"},
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

// Eight bytes of a length, then a JSON object.
bool is_safetensors(std::string_view bytes) {
  return bytes.size() > 10 && bytes.substr(8, 2) == "{\"" &&
         bytes.substr(0, 8).find('\0') != std::string_view::npos;
}

bool is_weights_by_name(const std::string& file) {
  const auto extension = std::filesystem::path(file).extension();
  return extension == ".bin" || extension == ".pt" || extension == ".pth";
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::string made_by(std::string_view command, const std::string& file) {
  if (command == kIsModel) return std::string(command);
  return "`" + with_file(command, file) + "` converts it";
}

}  // namespace

std::string foreign_format(std::string_view first_bytes, const std::string& file) {
  for (const auto& format : kFormats)
    if (first_bytes.starts_with(format.first_bytes))
      return std::string(format.what) + "; expected JSON Lines in UTF-8, such as {\"text\": \"...\"}; " +
             made_by(format.command, file);
  if (is_safetensors(first_bytes)) return "is a file of weights (safetensors); " + std::string(kIsModel);
  if (is_weights_by_name(file) && first_bytes.find('\0') != std::string_view::npos)
    return "is a binary file, as weights (.bin, .pt) or ready token ids are; expected JSON Lines in UTF-8. "
           "Weights belong to --model_name; of token ids that numpy.memmap reads, `" +
           with_file(
               "python3 -c \"import json, numpy; print(json.dumps({'input_ids': numpy.fromfile('FILE', "
               "numpy.uint16).tolist()}))\" > NEW.jsonl",
               file) +
           "` makes one sample";
  if (first_bytes.starts_with('\0')) return "begins with a NUL byte; expected JSON Lines in UTF-8";
  return {};
}

std::string what_a_folder_is(const std::string& folder) {
  const auto holds = [&](const char* name) {
    std::error_code ignored;
    return std::filesystem::exists(std::filesystem::path(folder) / name, ignored);
  };
  const auto saved = [&](const std::string& part) {
    return "is a data set that the package datasets saved to the disk; `python3 -c \"import datasets; "
           "datasets.load_from_disk('" +
           folder + "')" + part + ".to_json('NEW.jsonl')\"` converts it";
  };
  if (holds("dataset_dict.json")) return saved("['test']");
  if (holds("state.json") && holds("dataset_info.json")) return saved("");
  if (holds("config.json")) return "is the folder of a model, which --model_name takes; expected a data file";
  return "is a folder; expected a file, or a quoted pattern such as '" + folder + "/*.jsonl'";
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
    const bool is_array = text.front() == '[';
    return std::string("; the file looks like one JSON ") + (is_array ? "array" : "object") +
           " over several lines; expected an object a line; " +
           made_by(is_array ? "jq -c '.[]' FILE > NEW.jsonl" : "jq -c . FILE > NEW.jsonl", file);
  }
  if (text.front() == '"') return {};
  const auto extension = std::filesystem::path(file).extension();
  if (extension == ".csv" || extension == ".tsv")
    return "; the file looks like a table (CSV); " +
           made_by(extension == ".csv" ? "python3 -c \"import pandas; pandas.read_csv('FILE')"
                                       : "python3 -c \"import pandas; pandas.read_csv('FILE', sep='\\t')",
                   file);
  return "; the file looks like plain text: --split line, blank_line, file or packed reads it as that";
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
