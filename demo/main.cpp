// kvcompare_demo: makes the documents of the demo, and trains its model.
#include <cstdint>
#include <exception>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "common/errors.h"
#include "common/files/atomic_file.h"
#include "common/random_source.h"
#include "demo/corpus.h"
#include "demo/encoded_document.h"
#include "demo/training.h"

namespace kvcompare::demo {
namespace {

struct CorpusOptions {
  std::filesystem::path output;
  std::filesystem::path tokenizer;
  std::uint64_t seed = 1;
  std::uint64_t first = 0;
  std::uint64_t n_documents = 100;
  int min_words = 500;
  int max_words = 4000;
  DocumentShape shape;
};

void write_corpus(const CorpusOptions& options) {
  std::optional<DocumentEncoder> encoder;
  if (!options.tokenizer.empty()) encoder.emplace(Tokenizer::load(options.tokenizer));
  std::string lines;
  for (std::uint64_t index = options.first; index < options.first + options.n_documents; ++index) {
    DocumentShape shape = options.shape;
    shape.n_words = RandomSource(options.seed, ~index).between(options.min_words, options.max_words);
    const Document document = make_document(shape, options.seed, index);
    nlohmann::ordered_json line = {{"text", text_of(document)}};
    if (encoder) {
      line["answer_positions"] = nlohmann::ordered_json::array();
      const EncodedDocument encoded = encoder->encode(document);
      for (std::size_t i = 0; i < encoded.is_answer.size(); ++i)
        if (encoded.is_answer[i] != 0) line["answer_positions"].push_back(i);
    }
    lines += line.dump() + "\n";
  }
  write_file_atomically(options.output, lines);
}

int run(int argc, char** argv) {
  CLI::App app("The corpus of kvcompare's demo, and the training of its model");
  app.require_subcommand(1);

  CorpusOptions corpus;
  CLI::App* write = app.add_subcommand("corpus", "writes documents as JSONL");
  write->add_option("--output", corpus.output, "file")->required();
  write->add_option("--tokenizer", corpus.tokenizer,
                    "folder; the positions of answers among its tokens are written too");
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

  TrainingOptions training;
  CLI::App* train_model = app.add_subcommand("train", "trains the model, or goes on with it");
  train_model->add_option("--tokenizer", training.tokenizer, "folder with tokenizer.json")->required();
  train_model->add_option("--output_dir", training.output_dir, "of model and state")->required();
  train_model->add_option("--seed", training.seed, "of weights and documents")->capture_default_str();
  train_model->add_option("--learning_rate", training.learning_rate, "highest")->capture_default_str();
  train_model->add_option("--save_every", training.save_every, "steps")->capture_default_str();
  train_model->add_option("--max_steps", training.max_steps, "stops after so many; 0: the whole curriculum")
      ->capture_default_str();

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::kUsage);
  }
  if (*write) write_corpus(corpus);
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
