#include "common/data/dataset.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <iterator>
#include <limits>
#include <map>
#include <thread>
#include <utility>

#include "common/data/data_place.h"
#include "common/data/data_reader.h"
#include "common/data/jsonl_reader.h"
#include "common/data/samples_of_line.h"
#include "common/data/tokenised_line.h"
#include "common/errors.h"
#include "common/philox.h"
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
  SamplesOfLine made;
  std::exception_ptr error;
};

// A record, and the file that it is from.
struct PlacedRecord {
  JsonlRecord record;
  const std::string& file;
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
        reader_({.data_path = path_, .fields = options.fields, .split = options.split}) {}

  Dataset read() {
    while (!is_complete()) {
      const auto n = options_.shuffle_seed ? kBlock : std::min(kBlock, wanted_ - std::ssize(dataset_.samples));
      auto block = options_.join ? joined_block() : next_block(n);
      add(outcomes_of(block));
      if (refused_) std::rethrow_exception(refused_);  // all lines before the refused one were good
      if (block.empty()) break;
    }
    take_shuffled();
    if (dataset_.samples.empty() && wanted_ > 0)
      throw DataError(path_, 0,
                      dataset_.n_short > 0
                          ? "holds no sample of at least " + counted(options_.min_length, "token") +
                                " (--min_length)"
                          : "holds no sample; expected a JSON object a line");
    for (std::size_t i = 0; i < dataset_.samples.size(); ++i)
      dataset_.samples[i].index = SampleIndex(static_cast<std::int64_t>(i));
    dataset_.ids_for_text = reader_.ids_for_text();
    return std::move(dataset_);
  }

 private:
  // What is in memory at once of the text of lines.
  static constexpr std::int64_t kBlock = 1024;
  static constexpr std::size_t kBlockBytes = std::size_t{32} << 20;

  bool is_complete() const {
    return !options_.shuffle_seed && std::ssize(dataset_.samples) >= wanted_;
  }

  // All texts as one, in the first block.
  std::vector<PlacedRecord> joined_block() {
    if (std::exchange(is_joined_, true)) return {};
    JsonlRecord whole{.line = 1, .is_packed = true};
    for (auto block = next_block(kBlock); !block.empty(); block = next_block(kBlock))
      for (auto& [record, file] : block) {
        if (!record.text || record.scored || !record.evidence.empty() || record.n_context)
          throw DataError(file, record.line,
                          "is more than a text, and --join joins plain texts; expected 'text' alone");
        whole.text = whole.text ? *whole.text + *options_.join + *record.text : std::move(*record.text);
      }
    std::vector<PlacedRecord> block;
    if (whole.text && !refused_) block.push_back({std::move(whole), path_});
    return block;
  }

  std::vector<PlacedRecord> next_block(std::int64_t n) {
    std::vector<PlacedRecord> block;
    std::size_t n_bytes = 0;
    while (std::ssize(block) < n && n_bytes < kBlockBytes) {
      try {
        auto record = reader_.next();
        if (!record) break;
        n_bytes += n_text_bytes(*record);
        block.push_back({std::move(*record), reader_.file()});
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
    if (is_packed) return windows_of(line, {options_.max_length, options_.max_length}, place);
    return options_.windows ? windows_of(line, *options_.windows, place)
                            : sample_of(std::move(line), options_.max_length);
  }

  // A line may have more samples than are wanted.
  void add(std::vector<LineOutcome> lines) {
    for (auto& line : lines) {
      try {
        if (line.error) std::rethrow_exception(line.error);
      } catch (const DataError& error) {
        if (!may_skip(error)) throw;
        dataset_.bad_lines.push_back(reader_.bad_line(error));
        continue;
      }
      kvcompare::add(dataset_.truncated, line.made.truncated);
      if (line.made.begins_twice) ++dataset_.n_begin_twice;
      for (auto& sample : line.made.samples) {
        if (is_complete()) return;
        if (std::ssize(sample.ids) < options_.min_length)
          ++dataset_.n_short;
        else if (options_.shuffle_seed)
          draw(std::move(sample));
        else
          dataset_.samples.push_back(std::move(sample));
      }
    }
  }

  // Each sample has a random number of its own; those of the smallest numbers are taken, the smallest first.
  void draw(Sample sample) {
    const auto seed = static_cast<std::uint64_t>(*options_.shuffle_seed);
    const auto number = (std::uint64_t{philox_word(seed, 1, n_drawn_)} << 32) | philox_word(seed, 2, n_drawn_);
    drawn_.emplace(std::pair(number, n_drawn_++), std::move(sample));
    if (std::ssize(drawn_) > wanted_) drawn_.erase(std::prev(drawn_.end()));
  }

  void take_shuffled() {
    for (auto& [number, sample] : drawn_) dataset_.samples.push_back(std::move(sample));
    drawn_.clear();
  }

  const DatasetOptions& options_;
  const Encode& encode_;
  const std::optional<std::int64_t> vocab_size_;
  const std::int64_t wanted_ = options_.max_samples.value_or(std::numeric_limits<std::int64_t>::max());
  const std::string path_;
  DataReader reader_;
  bool is_joined_ = false;
  std::uint64_t n_drawn_ = 0;
  std::map<std::pair<std::uint64_t, std::uint64_t>, Sample> drawn_;  // by random number, then place
  Dataset dataset_;
  std::exception_ptr refused_;  // the error of the line after the block
};

}  // namespace

Dataset read_dataset(const DatasetOptions& options, const Encode& encode,
                     std::optional<std::int64_t> vocab_size) {
  auto dataset = DatasetReader(options, encode, vocab_size).read();
  // Lines are read before earlier lines are tokenised, so errors do not come in order.
  std::ranges::sort(dataset.bad_lines, {}, &BadLine::line);
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
