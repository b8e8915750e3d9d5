// kvcompare_demo: makes the documents and needles of the demo, and trains its model.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "common/errors.h"
#include "common/files/atomic_file.h"
#include "common/random_source.h"
#include "common/tokenizer/tokenizer.h"
#include "demo/corpus.h"
#include "demo/document.h"
#include "demo/needle.h"
#include "demo/training.h"

namespace kvcompare::demo {
namespace {

struct CorpusOptions {
  std::filesystem::path output;
  bool answers = false;
  std::uint64_t seed = 1;
  std::uint64_t first = 0;
  std::uint64_t n_documents = 100;
  int min_words = 500;
  int max_words = 4000;
  DocumentShape shape;
};

nlohmann::ordered_json as_json(const Range& range) { return {range.begin, range.end}; }

void write_corpus(const CorpusOptions& options) {
  std::string lines;
  for (std::uint64_t index = options.first; index < options.first + options.n_documents; ++index) {
    DocumentShape shape = options.shape;
    shape.n_words = RandomSource(options.seed, ~index).between(options.min_words, options.max_words);
    const Document document = make_document(shape, options.seed, index);
    nlohmann::ordered_json line = {{"text", text_of(document)}};
    if (options.answers) {
      line["scored"] = nlohmann::ordered_json::array();
      for (const Range& answer : answers_of(document)) line["scored"].push_back(as_json(answer));
    }
    lines += line.dump() + "\n";
  }
  write_file_atomically(options.output, lines);
}

struct NeedleOptions {
  std::filesystem::path output;
  std::filesystem::path tokenizer;
  std::uint64_t seed = 1;
  std::uint64_t n_documents = 100;
  std::vector<double> depths{10, 30, 50, 70, 90};  // percent
  NeedleShape shape;
};

// The tokens before the question.
std::size_t context_length(const Needle& needle, const Tokenizer& tokenizer) {
  const auto context = tokenizer.encode(needle.context);
  const auto prompt = tokenizer.encode(needle.context + needle.question);
  require(context.size() < prompt.size() && std::equal(context.begin(), context.end(), prompt.begin()),
          "no token holds the end of the context and the beginning of the question");
  return context.size();
}

void write_needles(const NeedleOptions& options) {
  std::optional<Tokenizer> tokenizer;
  if (!options.tokenizer.empty()) tokenizer.emplace(Tokenizer::load(options.tokenizer));
  std::string lines;
  for (std::uint64_t index = 0; index < options.n_documents; ++index) {
    NeedleShape shape = options.shape;
    const double depth = options.depths[index % options.depths.size()];
    shape.depth = depth / 100;
    const Needle needle = make_needle(shape, options.seed, index);
    nlohmann::ordered_json line = {{"prompt", needle.context + needle.question},
                                   {"completion", needle.answer},
                                   {"evidence", nlohmann::ordered_json::array({as_json(needle.evidence)})},
                                   {"depth", depth}};
    if (tokenizer) line["context_length"] = context_length(needle, *tokenizer);
    lines += line.dump() + "\n";
  }
  write_file_atomically(options.output, lines);
}

CLI::App* add_corpus(CLI::App& app, CorpusOptions& corpus) {
  CLI::App* write = app.add_subcommand("corpus", "writes documents as JSONL");
  write->add_option("--output", corpus.output, "file")->required();
  write->add_flag("--answers", corpus.answers, "name the answers as what is scored");
  write->add_option("--seed", corpus.seed, "of the documents")->capture_default_str();
  write->add_option("--first", corpus.first, "number of the first document")->capture_default_str();
  write->add_option("--documents", corpus.n_documents, "how many")->capture_default_str();
  write->add_option("--min_words", corpus.min_words, "words and punctuation marks of a document")
      ->capture_default_str();
  write->add_option("--max_words", corpus.max_words, "words and punctuation marks of a document")
      ->capture_default_str();
  write->add_option("--filler", corpus.shape.filler, "share of sentences with nothing to remember")
      ->capture_default_str();
  write->add_option("--copies", corpus.shape.copies, "share of documents that are a passage told twice")
      ->capture_default_str();
  return write;
}

CLI::App* add_needle(CLI::App& app, NeedleOptions& needle) {
  static const std::map<std::string, NeedleKind> kKinds{{"relation", NeedleKind::kRelation},
                                                        {"number", NeedleKind::kNumber}};
  CLI::App* write = app.add_subcommand(
      "needle", "writes texts of filler with one fact in them, and a question about it, as JSONL");
  write->add_option("--output", needle.output, "file")->required();
  write->add_option("--kind", needle.shape.kind, "of the fact: relation (of the demo's documents) or number")
      ->transform(CLI::CheckedTransformer(kKinds));
  write->add_option("--seed", needle.seed, "of the texts")->capture_default_str();
  write->add_option("--documents", needle.n_documents, "how many")->capture_default_str();
  write->add_option("--words", needle.shape.n_words, "words and punctuation marks before the question")
      ->check(CLI::Range(10, 1'000'000))
      ->capture_default_str();
  write->add_option("--depths", needle.depths, "percent of the text before the fact, taken in turn")
      ->delimiter(',')
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  write->add_option("--others", needle.shape.n_others, "facts about others in the same text")
      ->check(CLI::Range(0, 60))
      ->capture_default_str();
  write->add_option("--tokenizer", needle.tokenizer,
                    "folder; each line gets a context_length that leaves the question out, so that the "
                    "protocol prefill evicts before it");
  return write;
}

CLI::App* add_train(CLI::App& app, TrainingOptions& training) {
  CLI::App* train_model = app.add_subcommand("train", "trains the model, or goes on with it");
  train_model->add_option("--tokenizer", training.tokenizer, "folder with tokenizer.json")->required();
  train_model->add_option("--output_dir", training.output_dir, "of model and state")->required();
  train_model->add_option("--seed", training.seed, "of weights and documents")->capture_default_str();
  train_model->add_option("--learning_rate", training.learning_rate, "highest")->capture_default_str();
  train_model->add_option("--save_every", training.save_every, "steps")->capture_default_str();
  train_model->add_option("--max_steps", training.max_steps, "stops after so many; 0: the whole curriculum")
      ->capture_default_str();
  return train_model;
}

int run(int argc, char** argv) {
  CLI::App app("The texts of kvcompare's demo, and the training of its model");
  app.require_subcommand(1);
  CorpusOptions corpus;
  NeedleOptions needle;
  TrainingOptions training;
  const CLI::App* write = add_corpus(app, corpus);
  const CLI::App* hide = add_needle(app, needle);
  const CLI::App* train_model = add_train(app, training);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::kUsage);
  }
  if (*write) write_corpus(corpus);
  if (*hide) write_needles(needle);
  if (*train_model) train(training);
  return 0;
}

}  // namespace
}  // namespace kvcompare::demo

int main(int argc, char** argv) {
  try {
    return kvcompare::demo::run(argc, argv);
  } catch (const kvcompare::Error& error) {
    std::cerr << "kvcompare_demo: " << error.what() << '\n';
    return static_cast<int>(error.exit_code());
  } catch (const std::exception& error) {
    std::cerr << "kvcompare_demo: " << error.what() << '\n';
    return static_cast<int>(kvcompare::ExitCode::kInternal);
  }
}
