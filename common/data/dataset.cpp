#include "common/data/dataset.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <limits>
#include <thread>
#include <utility>

#include "common/data/data_place.h"
#include "common/data/jsonl_reader.h"
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
  SamplesOfLine made;
  std::exception_ptr error;
};

class DatasetReader {
 public:
  DatasetReader(const DatasetOptions& options, const Encode& encode, std::optional<std::int64_t> vocab_size)
      : options_(options),
        encode_(encode),
        vocab_size_(vocab_size),
        file_(options.path.string()),
        reader_(options.path, options.fields) {}

  Dataset read() {
    const auto wanted = options_.max_samples.value_or(std::numeric_limits<std::int64_t>::max());
    while (std::ssize(dataset_.samples) < wanted) {
      auto block = next_block(std::min(kBlock, wanted - std::ssize(dataset_.samples)));
      add(outcomes_of(block), wanted);
      if (refused_) std::rethrow_exception(refused_);  // all lines before the refused one were good
      if (block.empty()) break;
    }
    if (dataset_.samples.empty() && wanted > 0)
      throw DataError(file_, 0, "holds no sample; expected a JSON object a line");
    dataset_.ids_for_text = reader_.ids_for_text();
    return std::move(dataset_);
  }

 private:
  static constexpr std::int64_t kBlock = 1024;  // lines whose text is in memory at once

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

  // An error that ends the run leaves the lines that no thread has begun empty. They follow the bad line, so
  // they do not matter.
  std::vector<LineOutcome> outcomes_of(std::vector<JsonlRecord>& block) const {
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

  SamplesOfLine samples_of(JsonlRecord record) const {
    const DataPlace place{file_, record.line};
    auto line = tokenised(std::move(record), encode_, place);
    check_vocabulary(line.ids, vocab_size_, place);
    return options_.windows ? windows_of(line, *options_.windows, place)
                            : sample_of(std::move(line), options_.max_length);
  }

  // A line may have more samples than are wanted.
  void add(std::vector<LineOutcome> lines, std::int64_t wanted) {
    for (auto& line : lines) {
      try {
        if (line.error) std::rethrow_exception(line.error);
      } catch (const DataError& error) {
        if (!may_skip(error)) throw;
        dataset_.bad_lines.push_back({error.line, error.problem});
        continue;
      }
      kvcompare::add(dataset_.truncated, line.made.truncated);
      if (line.made.begins_twice) ++dataset_.n_begin_twice;
      for (auto& sample : line.made.samples) {
        if (std::ssize(dataset_.samples) == wanted) return;
        sample.index = SampleIndex(std::ssize(dataset_.samples));
        dataset_.samples.push_back(std::move(sample));
      }
    }
  }

  const DatasetOptions& options_;
  const Encode& encode_;
  const std::optional<std::int64_t> vocab_size_;
  const std::string file_;
  JsonlReader reader_;
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
  if (auto twice = warning_of_begin_twice(dataset.n_begin_twice)) warnings.push_back(std::move(*twice));
  return warnings;
}

}  // namespace kvcompare
