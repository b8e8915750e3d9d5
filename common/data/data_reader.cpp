#include "common/data/data_reader.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <utility>

#include <glob.h>

#include "common/path_on_disk.h"

namespace kvcompare {
namespace {

std::vector<std::string> matches_of(const std::string& pattern) {
  glob_t found{};
  const int result = ::glob(pattern.c_str(), 0, nullptr, &found);
  std::vector<std::string> files(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  ::globfree(&found);
  if (result != 0 && result != GLOB_NOMATCH) throw DataError(pattern, 0, "the pattern cannot be looked up");
  if (files.empty()) throw DataError(pattern, 0, "no file fits this pattern");
  std::ranges::sort(files);
  return files;
}

bool is_pattern(const std::string& name) {
  return name != kStandardInput && !can_be_seen(name) && name.find_first_of("*?[") != std::string::npos;
}

void add_files(const std::string& name, std::vector<std::string>& files) {
  if (is_pattern(name))
    std::ranges::move(matches_of(name), std::back_inserter(files));
  else
    files.push_back(name);
}

// As they are written.
std::vector<std::string> names_in(const std::string& data_path) {
  if (can_be_seen(data_path)) return {data_path};
  std::vector<std::string> names;
  for (std::size_t begin = 0; begin <= data_path.size();) {
    const auto end = std::min(data_path.find(',', begin), data_path.size());
    if (end > begin) names.push_back(data_path.substr(begin, end - begin));
    begin = end + 1;
  }
  return names;
}

}  // namespace

std::vector<std::string> data_files(const std::string& data_path) {
  std::vector<std::string> files;
  for (const auto& name : names_in(data_path)) add_files(name, files);
  if (files.empty()) throw DataError(data_path, 0, "names no file");
  if (files.size() > 1)
    for (const auto& file : files)
      if (file != kStandardInput && !can_be_seen(file)) throw DataError(file, 0, "is not there");
  if (std::ranges::count(files, kStandardInput) > 1)
    throw DataError(data_path, 0, "names standard input ('-') more than once");
  return files;
}

std::string absolute_data_path(const std::string& data_path) {
  std::string result;
  for (const auto& name : names_in(data_path))
    result +=
        (result.empty() ? "" : ",") +
        (is_pattern(name) || (name != kStandardInput && can_be_seen(name)) ? absolute_path(name) : name);
  return result;
}

bool reads_standard_input(const std::string& data_path) {
  return std::ranges::count(names_in(data_path), kStandardInput) > 0;
}

DataReader::DataReader(DataSource source)
    : source_(std::move(source)), files_(data_files(source_.data_path)) {
  if (source_.join) joined_.emplace(*source_.join);
  open_next();
}

bool DataReader::open_next() {
  if (first_lines_.size() == files_.size()) return false;
  auto n_before = first_lines_.empty() ? 0 : first_lines_.back();
  if (reader_) n_before += reader_->n_lines();
  of_files_before_ = ids_for_text();
  reader_.reset();
  first_lines_.push_back(n_before);  // ahead of opening, which may fail: bad_line() knows this file then
  reader_ = open_records(file(), source_.fields, source_.split);
  return true;
}

std::optional<JsonlRecord> DataReader::next() {
  if (!joined_) return next_of_files();
  while (auto record = next_of_files()) {
    const DataPlace place{file(), record->line};
    joined_->add(std::move(*record), place);
  }
  return joined_->take();
}

std::optional<JsonlRecord> DataReader::next_of_files() {
  do {
    if (auto record = reader_ ? reader_->next() : std::nullopt) return record;
  } while (open_next());
  return std::nullopt;
}

const std::string& DataReader::file() const { return files_[first_lines_.size() - 1]; }

IdsForText DataReader::ids_for_text() const {
  if (!reader_) return of_files_before_;
  const auto now = reader_->ids_for_text();
  return {.n_beside_text = of_files_before_.n_beside_text + now.n_beside_text,
          .n_without_the_field = of_files_before_.n_without_the_field + now.n_without_the_field};
}

BadLine DataReader::bad_line(const DataError& error) const {
  if (files_.size() == 1) return {error.line, error.problem};
  // A file may be named twice: the error is of the last one that is read.
  const auto at = std::find(files_.rend() - std::ssize(first_lines_), files_.rend(), error.file);
  const auto place = files_.rend() - at - 1;
  return {first_lines_[static_cast<std::size_t>(place)] + error.line, error.what()};
}

}  // namespace kvcompare
