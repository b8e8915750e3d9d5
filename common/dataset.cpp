#include "common/dataset.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <exception>
#include <limits>
#include <thread>
#include <utility>

#include <nlohmann/json.hpp>

#include "common/errors.h"
#include "common/json_error.h"

namespace kvcompare {
namespace {

using json = nlohmann::json;

constexpr const char* kIdsField = "input_ids";
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r") == std::string_view::npos; }

// One line of the file, for messages.
struct Place {
  const std::string& file;
  std::int64_t line;

  [[noreturn]] void fail(const std::string& problem) const { throw DataError(file, line, problem); }
};

json parse_object(const std::string& text, const Place& place) {
  if (text.find('\0') != std::string::npos) place.fail("not valid JSON: holds a NUL byte");
  json value;
  try {
    value = json::parse(text);
  } catch (const json::exception& error) {
    place.fail("not valid JSON: " + json_problem(error));
  }
  if (!value.is_object())
    place.fail(std::string("holds ") + value.type_name() +
               "; expected an object a line, such as {\"text\": \"...\"}");
  return value;
}

std::string fields_of(const json& object) {
  constexpr std::size_t kShown = 10;
  std::string list;
  std::size_t n = 0;
  for (const auto& [name, value] : object.items()) {
    if (n++ == kShown) return list + ", ...";
    list += (list.empty() ? "" : ", ") + ("'" + name.substr(0, 60) + "'");
  }
  return list.empty() ? "none" : list;
}

bool has_value(const json& object, const std::string& field) {
  const auto found = object.find(field);
  return found != object.end() && !found->is_null();
}

std::vector<TokenId> read_ids(const json& value, const Place& place) {
  const std::string expected = "'input_ids' must be an array of token ids, integers from 0";
  if (!value.is_array()) place.fail(expected + "; it is of type " + value.type_name());
  std::vector<TokenId> ids;
  ids.reserve(value.size());
  for (const json& id : value) {
    const bool fits =
        id.is_number_unsigned() &&
        id.get<std::uint64_t>() <= static_cast<std::uint64_t>(std::numeric_limits<TokenId>::max());
    if (!fits)
      place.fail(expected + "; element " + std::to_string(ids.size()) + " is " +
                 (id.is_number() ? id.dump() : std::string("of type ") + id.type_name()));
    ids.push_back(id.get<TokenId>());
  }
  return ids;
}

std::vector<TokenId> tokenise(const JsonlRecord& record, const Encode& encode, const Place& place) {
  if (record.ids) return *record.ids;
  if (!encode)
    throw ConfigError("data_path",
                      place.file + ":" + std::to_string(place.line) +
                          " holds text, but there is no tokenizer; expected ready token ids in 'input_ids'");
  return encode(*record.text);
}

void check_vocabulary(const std::vector<TokenId>& ids, std::optional<std::int64_t> vocab_size,
                      const Place& place) {
  if (!vocab_size) return;
  const auto outside =
      std::find_if(ids.begin(), ids.end(), [&](TokenId id) { return id < 0 || id >= *vocab_size; });
  if (outside != ids.end())
    place.fail("token id " + std::to_string(*outside) + " at position " +
               std::to_string(outside - ids.begin()) + " is outside the model's vocabulary of " +
               std::to_string(*vocab_size) + "; was the text tokenised for another model?");
}

}  // namespace

JsonlReader::JsonlReader(const std::filesystem::path& path, std::string text_field)
    : path_(path.string()), text_field_(std::move(text_field)) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    throw DataError(path_, 0, "is a folder; expected a JSON Lines file");
  file_.open(path, std::ios::binary);
  if (!file_) throw DataError(path_, 0, std::string("cannot be opened: ") + std::strerror(errno));
}

std::optional<JsonlRecord> JsonlReader::next() {
  std::string text;
  while (std::getline(file_, text)) {
    ++line_;
    if (line_ == 1 && text.starts_with(kByteOrderMark)) text.erase(0, kByteOrderMark.size());
    if (!is_blank(text)) return parse(text);
  }
  if (file_.bad()) throw DataError(path_, line_ + 1, "cannot be read");
  return std::nullopt;
}

JsonlRecord JsonlReader::parse(const std::string& text) const {
  const Place place{path_, line_};
  json object = parse_object(text, place);
  JsonlRecord record{line_, std::nullopt, std::nullopt};
  if (has_value(object, kIdsField)) record.ids = read_ids(object[kIdsField], place);
  if (text_field_ != kIdsField && has_value(object, text_field_)) {
    json& value = object[text_field_];
    if (!value.is_string())
      place.fail("field '" + text_field_ + "' must be a string; it is of type " + value.type_name());
    record.text = std::move(value.get_ref<std::string&>());
  }
  if (!record.text && !record.ids)
    place.fail("has neither the field '" + text_field_ +
               "' (a string) nor 'input_ids' (token ids); fields: " + fields_of(object) +
               "; --text_field names the field to read");
  return record;
}

namespace {

// Of one line: its ids, or what is wrong with it.
struct Tokenised {
  std::vector<TokenId> ids;
  std::exception_ptr error;
};

class DatasetReader {
 public:
  DatasetReader(const DatasetOptions& options, const Encode& encode, std::optional<std::int64_t> vocab_size)
      : options_(options),
        encode_(encode),
        vocab_size_(vocab_size),
        file_(options.path.string()),
        reader_(options.path, options.text_field) {}

  Dataset read() {
    const auto wanted = options_.max_samples.value_or(std::numeric_limits<std::int64_t>::max());
    while (std::ssize(dataset_.samples) < wanted) {
      const auto block = next_block(std::min(kBlock, wanted - std::ssize(dataset_.samples)));
      add(block, tokenised(block));
      if (refused_) std::rethrow_exception(refused_);  // the lines ahead of it were in order
      if (block.empty()) break;
    }
    if (dataset_.samples.empty() && wanted > 0)
      throw DataError(file_, 0, "holds no sample; expected a JSON object a line");
    return std::move(dataset_);
  }

 private:
  static constexpr std::int64_t kBlock = 1024;  // lines in memory beside their ids

  std::vector<JsonlRecord> next_block(std::int64_t n) {
    std::vector<JsonlRecord> block;
    while (std::ssize(block) < n) {
      try {
        auto record = reader_.next();
        if (!record) break;
        block.push_back(std::move(*record));
      } catch (const DataError& error) {
        if (!may_skip(error)) {
          refused_ = std::current_exception();
          break;
        }
        dataset_.bad_lines.push_back({error.line, error.problem});
      }
    }
    return block;
  }

  bool may_skip(const DataError& error) const { return options_.skip_bad_lines && error.line > 0; }

  std::vector<Tokenised> tokenised(const std::vector<JsonlRecord>& block) const {
    std::vector<Tokenised> lines(block.size());
    std::atomic<std::size_t> next = 0;
    const auto work = [&] {
      for (std::size_t i = next++; i < block.size(); i = next++) {
        try {
          lines[i].ids = ids_of(block[i]);
        } catch (...) {
          lines[i].error = std::current_exception();
        }
      }
    };
    std::vector<std::jthread> threads;
    for (int t = 1; t < std::min(options_.n_threads, static_cast<int>(block.size())); ++t)
      threads.emplace_back(work);
    work();
    threads.clear();
    return lines;
  }

  std::vector<TokenId> ids_of(const JsonlRecord& record) const {
    const Place place{file_, record.line};
    auto ids = tokenise(record, encode_, place);
    check_vocabulary(ids, vocab_size_, place);
    return ids;
  }

  std::vector<TokenId> truncated(std::vector<TokenId> ids) {
    const auto n_beyond = std::ssize(ids) - options_.max_length;
    if (n_beyond <= 0) return ids;
    ++dataset_.truncated.n_samples;
    dataset_.truncated.n_tokens += n_beyond;
    ids.resize(static_cast<std::size_t>(options_.max_length));
    ids.shrink_to_fit();
    return ids;
  }

  void add(const std::vector<JsonlRecord>& block, std::vector<Tokenised> lines) {
    for (std::size_t i = 0; i < block.size(); ++i) {
      try {
        if (lines[i].error) std::rethrow_exception(lines[i].error);
      } catch (const DataError& error) {
        if (!may_skip(error)) throw;
        dataset_.bad_lines.push_back({error.line, error.problem});
        continue;
      }
      dataset_.samples.push_back(
          {SampleIndex(std::ssize(dataset_.samples)), truncated(std::move(lines[i].ids))});
    }
  }

  const DatasetOptions& options_;
  const Encode& encode_;
  const std::optional<std::int64_t> vocab_size_;
  const std::string file_;
  JsonlReader reader_;
  Dataset dataset_;
  std::exception_ptr refused_;  // of the line after the block
};

}  // namespace

Dataset read_dataset(const DatasetOptions& options, const Encode& encode,
                     std::optional<std::int64_t> vocab_size) {
  auto dataset = DatasetReader(options, encode, vocab_size).read();
  // Lines are read before those ahead of them are tokenised.
  std::ranges::sort(dataset.bad_lines, {}, &BadLine::line);
  return dataset;
}

}  // namespace kvcompare
