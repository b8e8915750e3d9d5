#include <algorithm>
#include <array>
#include <cstdint>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

#include <arrow/array.h>
#include <arrow/config.h>
#include <arrow/io/file.h>
#include <arrow/memory_pool.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <nlohmann/json.hpp>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>
#include <parquet/properties.h>

#include "common/data/parquet_rows.h"
#include "common/errors.h"
#include "common/printable.h"
#include "common/utf8.h"

namespace kvcompare {
namespace {

constexpr std::int64_t kRowsAtOnce = 64;

// ---- a value as JSON

struct NotUtf8 {};

void append(std::string& json, const arrow::Array& array, std::int64_t at);

void append_text(std::string& json, std::string_view text) {
  if (find_invalid_utf8(text)) throw NotUtf8{};
  json += nlohmann::json(text).dump();
}

template <class Array>
void append_number(std::string& json, const arrow::Array& array, std::int64_t at) {
  json += nlohmann::json(static_cast<const Array&>(array).Value(at)).dump();
}

template <class Array>
void append_string(std::string& json, const arrow::Array& array, std::int64_t at) {
  append_text(json, static_cast<const Array&>(array).GetView(at));
}

template <class Array>
void append_list(std::string& json, const arrow::Array& array, std::int64_t at) {
  const auto& list = static_cast<const Array&>(array);
  const std::int64_t begin = list.value_offset(at), end = begin + list.value_length(at);
  json += '[';
  for (auto i = begin; i < end; ++i) {
    if (i > begin) json += ',';
    append(json, *list.values(), i);
  }
  json += ']';
}

void append_struct(std::string& json, const arrow::Array& array, std::int64_t at) {
  const auto& object = static_cast<const arrow::StructArray&>(array);
  json += '{';
  for (int i = 0; i < object.num_fields(); ++i) {
    if (i > 0) json += ',';
    append_text(json, object.type()->field(i)->name());
    json += ':';
    append(json, *object.field(i), at);
  }
  json += '}';
}

void append_of_dictionary(std::string& json, const arrow::Array& array, std::int64_t at) {
  const auto& words = static_cast<const arrow::DictionaryArray&>(array);
  append(json, *words.dictionary(), words.GetValueIndex(at));
}

struct ReadableType {
  arrow::Type::type type;
  void (*append)(std::string& json, const arrow::Array& array, std::int64_t at);
};
constexpr std::array kReadableTypes{
    ReadableType{arrow::Type::NA,
                 [](std::string& json, const arrow::Array&, std::int64_t) { json += "null"; }},
    ReadableType{arrow::Type::BOOL, append_number<arrow::BooleanArray>},
    ReadableType{arrow::Type::INT8, append_number<arrow::Int8Array>},
    ReadableType{arrow::Type::INT16, append_number<arrow::Int16Array>},
    ReadableType{arrow::Type::INT32, append_number<arrow::Int32Array>},
    ReadableType{arrow::Type::INT64, append_number<arrow::Int64Array>},
    ReadableType{arrow::Type::UINT8, append_number<arrow::UInt8Array>},
    ReadableType{arrow::Type::UINT16, append_number<arrow::UInt16Array>},
    ReadableType{arrow::Type::UINT32, append_number<arrow::UInt32Array>},
    ReadableType{arrow::Type::UINT64, append_number<arrow::UInt64Array>},
    ReadableType{arrow::Type::FLOAT, append_number<arrow::FloatArray>},
    ReadableType{arrow::Type::DOUBLE, append_number<arrow::DoubleArray>},
    ReadableType{arrow::Type::STRING, append_string<arrow::StringArray>},
    ReadableType{arrow::Type::LARGE_STRING, append_string<arrow::LargeStringArray>},
    ReadableType{arrow::Type::LIST, append_list<arrow::ListArray>},
    ReadableType{arrow::Type::LARGE_LIST, append_list<arrow::LargeListArray>},
    ReadableType{arrow::Type::FIXED_SIZE_LIST, append_list<arrow::FixedSizeListArray>},
    ReadableType{arrow::Type::STRUCT, append_struct},
    ReadableType{arrow::Type::DICTIONARY, append_of_dictionary}};

const ReadableType* find_readable(arrow::Type::type type) {
  const auto* const found = std::ranges::find(kReadableTypes, type, &ReadableType::type);
  return found == kReadableTypes.end() ? nullptr : found;
}

// A value of a type that is not readable is null.
void append(std::string& json, const arrow::Array& array, std::int64_t at) {
  const auto* readable = find_readable(array.type_id());
  if (readable == nullptr || array.IsNull(at))
    json += "null";
  else
    readable->append(json, array, at);
}

bool is_readable(const arrow::DataType& type) {
  if (type.id() == arrow::Type::DICTIONARY)
    return is_readable(*static_cast<const arrow::DictionaryType&>(type).value_type());
  return find_readable(type.id()) != nullptr &&
         std::ranges::all_of(type.fields(), [](const auto& field) { return is_readable(*field->type()); });
}

// ---- columns

using parquet::arrow::SchemaField;

// What of a path is left within a column or a member of this name: "text" of "document.text" within
// "document", "" of "document". Absent if the path does not lead there. "" stands for all that is within.
std::optional<std::string_view> path_within(std::string_view name, std::string_view path) {
  if (path.empty() || path == name) return "";
  if (path.starts_with(name) && path.substr(name.size()).starts_with('.'))
    return path.substr(name.size() + 1);
  return std::nullopt;
}

void add_leaves(const SchemaField& column, std::string_view path, std::vector<int>& leaves) {
  if (column.is_leaf()) leaves.push_back(column.column_index);
  const bool has_names = column.field->type()->id() == arrow::Type::STRUCT;
  for (const auto& child : column.children)
    if (const auto rest = has_names ? path_within(child.field->name(), path) : "")
      add_leaves(child, *rest, leaves);
}

// Indices of the leaves in which these fields are, ascending.
std::vector<int> leaves_of(const std::vector<SchemaField>& columns, const std::vector<std::string>& fields) {
  std::vector<int> leaves;
  for (const auto& field : fields)
    for (const auto& column : columns)
      if (const auto rest = path_within(column.field->name(), field)) add_leaves(column, *rest, leaves);
  std::ranges::sort(leaves);
  const auto again = std::ranges::unique(leaves);
  leaves.erase(again.begin(), again.end());
  return leaves;
}

// ---- rows

class ArrowRows : public JsonTexts {
 public:
  ArrowRows(std::string file, const FieldsThatCount& fields) : file_(std::move(file)) {
    open();
    const auto& columns = reader_->manifest().schema_fields;
    const bool has_sample = !leaves_of(columns, fields.of_sample).empty();
    auto wanted = has_sample ? fields.of_sample : std::vector<std::string>{""};
    if (has_sample) wanted.insert(wanted.end(), fields.beside.begin(), fields.beside.end());
    begin(leaves_of(columns, wanted));
    if (has_sample) refuse_other_types();
  }

  bool next(std::string& text) override {
    while (!batch_ || at_ == batch_->num_rows())
      if (!read_batch()) return false;
    ++row_;
    text = "{";
    for (int i = 0; i < batch_->num_columns(); ++i) append_column(text, i);
    text += '}';
    ++at_;
    return true;
  }

  std::int64_t line() const override { return row_; }
  std::int64_t n_lines() const override { return row_; }

 private:
  void open() {
    auto* const pool = arrow::system_memory_pool();
    auto bytes = checked([&] { return arrow::io::ReadableFile::Open(file_, pool); });
    check_marks(*bytes);
    parquet::ReaderProperties properties(pool);
    properties.enable_buffered_stream();  // page by page, not a whole column of a row group
    parquet::ArrowReaderProperties of_arrow(/*use_threads=*/false);
    of_arrow.set_batch_size(kRowsAtOnce);
    of_arrow.set_pre_buffer(false);
    reader_ = checked([&]() -> arrow::Result<std::unique_ptr<parquet::arrow::FileReader>> {
      parquet::arrow::FileReaderBuilder builder;
      ARROW_RETURN_NOT_OK(builder.Open(std::move(bytes), properties));
      builder.memory_pool(pool)->properties(of_arrow);
      return builder.Build();
    });
    if (reader_->parquet_reader()->metadata()->is_encryption_algorithm_set()) fail(kIsEncrypted);
  }

  void check_marks(arrow::io::RandomAccessFile& bytes) {
    const auto mark_at = [&](std::int64_t at) {
      const auto read = checked([&] { return bytes.ReadAt(at, std::ssize(kParquetMark)); });
      return read->ToString();
    };
    const auto n_bytes = checked([&] { return bytes.GetSize(); });
    const auto first = mark_at(0),
               last = mark_at(std::max<std::int64_t>(n_bytes - std::ssize(kParquetMark), 0));
    if (first == kEncryptedParquetMark || last == kEncryptedParquetMark) fail(kIsEncrypted);
    if (first != kParquetMark)
      fail(
          "is a Parquet file that is compressed as a whole; decompress it: Parquet compresses its columns "
          "itself");
    if (last != kParquetMark || n_bytes < 2 * std::ssize(kParquetMark))
      fail("begins as a Parquet file and does not end as one: a part of it is missing; fetch it again");
  }

  void begin(const std::vector<int>& leaves) {
    std::vector<int> row_groups(static_cast<std::size_t>(reader_->num_row_groups()));
    for (std::size_t i = 0; i < row_groups.size(); ++i) row_groups[i] = static_cast<int>(i);
    batches_ = checked([&] { return reader_->GetRecordBatchReader(row_groups, leaves); });
  }

  void refuse_other_types() const {
    for (const auto& column : batches_->schema()->fields())
      if (!is_readable(*column->type()))
        fail("column '" + column->name() + "' has the type " + column->type()->ToString() +
             ", which kvcompare does not read; expected strings, or lists of integers for token ids, "
             "without " +
             "other types within");
  }

  bool read_batch() {
    batch_ = checked([&] { return batches_->Next(); });
    at_ = 0;
    return batch_ != nullptr;
  }

  void append_column(std::string& text, int column) {
    const auto& name = batch_->column_name(column);
    try {
      if (column > 0) text += ',';
      append_text(text, name);
      text += ':';
      append(text, *batch_->column(column), at_);
    } catch (const NotUtf8&) {
      ++at_;
      throw DataError(
          file_, row_,
          "column '" + printable(name) + "' holds a text that is not valid UTF-8; expected UTF-8");
    }
  }

  // What `ask` returns, which is a Result of Arrow.
  template <class Ask>
  auto checked(const Ask& ask) -> typename decltype(ask())::ValueType {
    std::string problem;
    try {
      auto result = ask();
      if (result.ok()) return std::move(result).ValueUnsafe();
      problem = result.status().message();
    } catch (const std::exception& error) {  // of Parquet's own layer
      problem = error.what();
    }
    batch_.reset();
    while (problem.ends_with('.')) problem.pop_back();
    fail("cannot be read as Parquet" + (row_ > 0 ? " behind row " + std::to_string(row_) : "") + ": " +
         printable(problem) +
         "; expected a whole file with columns that are plain or compressed by snappy, gzip, brotli, zstd or "
         "lz4");
  }

  [[noreturn]] void fail(const std::string& problem) const { throw DataError(file_, 0, problem); }

  static constexpr const char* kIsEncrypted =
      "is an encrypted Parquet file, and kvcompare has no key; write it without encryption";

  std::string file_;
  std::unique_ptr<parquet::arrow::FileReader> reader_;
  std::unique_ptr<arrow::RecordBatchReader> batches_;
  std::shared_ptr<arrow::RecordBatch> batch_;
  std::int64_t at_ = 0;   // in the batch
  std::int64_t row_ = 0;  // in the file, from 1
};

}  // namespace

std::unique_ptr<JsonTexts> parquet_rows(const std::string& file, const FieldsThatCount& fields) {
  return std::make_unique<ArrowRows>(file, fields);
}

std::string arrow_library_version() { return arrow::GetBuildInfo().version_string; }

}  // namespace kvcompare
