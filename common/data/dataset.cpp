#include "common/data/dataset.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <limits>
#include <thread>
#include <utility>

#include "common/data/data_place.h"
#include "common/data/data_reader.h"
#include "common/data/jsonl_reader.h"
#include "common/data/sample_draw.h"
#include "common/data/samples_of_line.h"
#include "common/data/tokenised_line.h"
#include "common/errors.h"
#include "common/plural.h"

namespace kvcompare {
namespace {

void check_vocabulary(const std::vector<TokenId>& ids, std::optional<std::int64_t> vocab_size,
                      const DataPlace& place) {
  if (!vocab_size) return;
  const auto outside =
      std::find_if(ids.begin(), ids.end(), [&](TokenId id) { return id < 0 || id >= *vocab_size; });
  if (outside != ids.end())
    place.fail("token id " + std::to_string(*outside) + " at position " +
               std::to_string(outside - ids.begin()) + " is outside the model's vocabulary of " +
               std::to_string(*vocab_size) + "; was the text tokenised for another model?");
}

// What became of one line: its samples, or what is wrong with it.
struct LineOutcome {
  std::int64_t number = 0;  // of the record
  SamplesOfLine made;
  std::exception_ptr error;
};

// A record, the file that it is from, and its place among all records.
struct PlacedRecord {
  JsonlRecord record;
  std::string file;
  std::int64_t number = 0;  // from 0
};

std::size_t n_text_bytes(const JsonlRecord& record) {
  std::size_t n = record.text ? record.text->size() : 0;
  for (const auto& part : record.parts) n += part.text.size();
  return n;
}

class DatasetReader {
 public:
  DatasetReader(const DatasetOptions& options, const Encode& encode, std::optional<std::int64_t> vocab_size)
      : options_(options),
        encode_(encode),
        vocab_size_(vocab_size),
        path_(options.path.string()),
        reader_(
            {.data_path = path_, .fields = options.fields, .split = options.split, .join = options.join}) {
    if (options.shuffle_seed) draw_.emplace(*options.shuffle_seed, wanted_);
  }

  Dataset read() {
    while (std::ssize(dataset_.samples) < wanted_ && !is_at_end_) {
      auto block = next_block(n_at_once());
      add(outcomes_of(block));
      if (refused_) std::rethrow_exception(refused_);  // all lines before the refused one were good
    }
    if (draw_) take_drawn();
    if (dataset_.samples.empty() && wanted_ > 0) refuse_nothing();
    dataset_.ids_for_text = reader_.ids_for_text();
    return std::move(dataset_);
  }

 private:
  // What is in memory at once of the text of lines.
  static constexpr std::int64_t kBlock = 1024;
  static constexpr std::size_t kBlockBytes = std::size_t{32} << 20;

  [[noreturn]] void refuse_nothing() const {
    if (dataset_.n_short > 0)
      throw DataError(path_, 0,
                      "holds no sample of --min_length " + std::to_string(options_.min_length) +
                          " tokens: " + counted(dataset_.n_short, "sample") +
                          (dataset_.n_short == 1 ? " is" : " are") + " shorter");
    throw DataError(path_, 0, "holds no sample; expected a JSON object a line");
  }

  std::int64_t n_at_once() const {
    const auto n = wanted_ - std::ssize(dataset_.samples);
    // Of a small draw most records need not be tokenised, which shows after the first ones.
    return std::min(kBlock, draw_ ? std::max<std::int64_t>(n, 4 * options_.n_threads) : n);
  }

  // What cannot be drawn any more is not tokenised.
  std::vector<PlacedRecord> next_block(std::int64_t n) {
    std::vector<PlacedRecord> block;
    std::size_t n_bytes = 0;
    while (std::ssize(block) < n && n_bytes < kBlockBytes) {
      const auto number = n_records_++;
      try {
        auto record = reader_.next();
        is_at_end_ = !record.has_value();
        if (is_at_end_) break;
        if (draw_ && !record->is_packed && !options_.windows && !draw_->may_take(number)) continue;
        n_bytes += n_text_bytes(*record);
        block.push_back({std::move(*record), reader_.file(), number});
      } catch (const DataError& error) {
        if (!may_skip(error)) {
          refused_ = std::current_exception();
          break;
        }
        dataset_.bad_lines.push_back(reader_.bad_line(error));
      }
    }
    return block;
  }

  bool may_skip(const DataError& error) const { return options_.skip_bad_lines && error.line > 0; }

  // An error that ends the run leaves the lines that no thread has begun empty. They follow the bad line, so
  // they do not matter.
  std::vector<LineOutcome> outcomes_of(std::vector<PlacedRecord>& block) const {
    std::vector<LineOutcome> lines(block.size());
    std::atomic<std::size_t> next = 0;
    const auto work = [&] {
      for (std::size_t i = next++; i < block.size(); i = next++) {
        try {
          lines[i].number = block[i].number;
          lines[i].made = samples_of(std::move(block[i]));
        } catch (const DataError& error) {
          lines[i].error = std::current_exception();
          if (!may_skip(error)) next = block.size();
        } catch (...) {  // an error of the tokenizer, not of the line: other lines would have it too
          lines[i].error = std::current_exception();
          next = block.size();
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

  SamplesOfLine samples_of(PlacedRecord placed) const {
    auto& record = placed.record;
    const DataPlace place{placed.file, record.line};
    const bool is_packed = record.is_packed && !options_.windows;
    auto line = tokenised(std::move(record), encode_, place);
    check_vocabulary(line.ids, vocab_size_, place);
    if (is_packed) return pieces_of(line, options_.max_length);
    return options_.windows ? windows_of(line, *options_.windows, place)
                            : sample_of(std::move(line), options_.max_length);
  }

  void add(std::vector<LineOutcome> lines) {
    for (auto& line : lines) {
      try {
        if (line.error) std::rethrow_exception(line.error);
      } catch (const DataError& error) {
        if (!may_skip(error)) throw;
        dataset_.bad_lines.push_back(reader_.bad_line(error));
        continue;
      }
      if (draw_)
        offer(std::move(line));
      else
        append(std::move(line.made));
    }
  }

  bool is_short(const Sample& sample) const { return std::ssize(sample.ids) < options_.min_length; }

  // A line may have more samples than are wanted.
  void append(SamplesOfLine line) {
    const auto n_before = dataset_.samples.size();
    for (auto& sample : line.samples) {
      if (std::ssize(dataset_.samples) == wanted_) break;
      if (is_short(sample))
        ++dataset_.n_short;
      else
        dataset_.samples.push_back(std::move(sample));
    }
    if (dataset_.samples.size() == n_before) return;
    kvcompare::add(dataset_.truncated, line.truncated);
    if (line.begins_twice) ++dataset_.n_begin_twice;
  }

  // What is said of a line counts for its first sample.
  void offer(LineOutcome line) {
    std::int64_t window = 0;
    for (auto& sample : line.made.samples) {
      if (is_short(sample))
        draw_->leave_out_short(line.number, window);
      else
        draw_->offer(line.number, window,
                     {std::move(sample), window == 0 ? line.made.truncated : Truncation{},
                      window == 0 && line.made.begins_twice});
      ++window;
    }
  }

  void take_drawn() {
    auto result = std::move(*draw_).result();
    dataset_.n_short = result.n_short;
    for (auto& drawn : result.drawn) {
      dataset_.samples.push_back(std::move(drawn.sample));
      kvcompare::add(dataset_.truncated, drawn.truncated);
      if (drawn.begins_twice) ++dataset_.n_begin_twice;
    }
  }

  const DatasetOptions& options_;
  const Encode& encode_;
  const std::optional<std::int64_t> vocab_size_;
  const std::string path_;
  const std::int64_t wanted_ = options_.max_samples.value_or(std::numeric_limits<std::int64_t>::max());
  DataReader reader_;
  std::optional<SampleDraw> draw_;
  std::int64_t n_records_ = 0;  // that were read, bad ones too
  bool is_at_end_ = false;
  Dataset dataset_;
  std::exception_ptr refused_;  // the error of the line after the block
};

}  // namespace

Dataset read_dataset(const DatasetOptions& options, const Encode& encode,
                     std::optional<std::int64_t> vocab_size) {
  auto dataset = DatasetReader(options, encode, vocab_size).read();
  // Lines are read before earlier lines are tokenised, so errors do not come in order.
  std::ranges::sort(dataset.bad_lines, {}, &BadLine::line);
  for (std::size_t i = 0; i < dataset.samples.size(); ++i)
    dataset.samples[i].index = SampleIndex(static_cast<std::int64_t>(i));
  return dataset;
}

std::optional<std::string> warning_of_begin_twice(std::int64_t n_texts) {
  if (n_texts == 0) return std::nullopt;
  return counted(n_texts, "text") + (n_texts == 1 ? " begins" : " begin") +
         " with the begin token written out, and the tokenizer adds another, so that the ids begin with it "
         "twice, as in transformers; leave it out of the texts if the model was not trained so";
}

std::vector<std::string> warnings_of(const Dataset& dataset, const std::optional<std::string>& text_field) {
  auto warnings = warnings_of(dataset.ids_for_text, text_field);
  if (dataset.n_short > 0)
    warnings.push_back(counted(dataset.n_short, "sample") + " left out, shorter than --min_length");
  if (auto twice = warning_of_begin_twice(dataset.n_begin_twice)) warnings.push_back(std::move(*twice));
  return warnings;
}

}  // namespace kvcompare
