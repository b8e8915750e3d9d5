#include "demo/corpus.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "demo/encoded_document.h"

namespace kvcompare::demo {
namespace {

DocumentShape shape(int n_words, double copies = 0) {
  DocumentShape result;
  result.n_words = n_words;
  result.copies = copies;
  return result;
}

// Sentences, with the answers in them in angle brackets.
std::vector<std::string> sentences(const Document& document) {
  std::vector<std::string> result(1);
  for (const Piece& piece : document) {
    if (piece.text == "." || piece.text == "?") {
      result.emplace_back();
    } else {
      result.back() += piece.is_answer ? " <" + piece.text.substr(1) + ">" : piece.text;
    }
  }
  return result;
}

// What a sentence says, read without the generator: subject and relation -> value, as told or asked for.
struct Statement {
  std::string about, value;
  bool is_answer;
};

std::optional<Statement> read_statement(const std::string& sentence) {
  std::istringstream stream(sentence);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  const auto list = sentence.find("list of ");
  if (list != std::string::npos) {
    const auto colon = sentence.find(':');
    std::string items = sentence.substr(colon + 1);
    const bool is_answer = items.find('<') != std::string::npos;
    std::erase_if(items, [](char c) { return c == '<' || c == '>'; });
    return Statement{sentence.substr(list + 8, colon - list - 8) + "'s list", items, is_answer};
  }
  const auto bare = [](std::string word) {
    std::erase_if(word, [](char c) { return c == '<' || c == '>'; });
    return word;
  };
  for (std::size_t i = 0; i + 2 < words.size(); ++i) {
    if (words[i] == "Box" && words.back() == "coins") {
      const std::string& value = words[words.size() - 2];
      return Statement{"Box " + words[i + 1], bare(value), value.front() == '<'};
    }
  }
  static const std::vector<std::vector<std::string>> relations{
      {"lives", "in"}, {"is", "the"},    {"feeds", "the"}, {"likes"},
      {"wears"},       {"plays", "the"}, {"lost", "the"}};
  for (const auto& relation : relations) {
    const std::size_t n = relation.size();
    if (words.size() < n + 2) continue;
    const std::size_t begin = words.size() - n - 1;
    if (std::equal(relation.begin(), relation.end(), words.begin() + static_cast<std::ptrdiff_t>(begin)))
      return Statement{words[begin - 1] + " " + relation[0], bare(words.back()), words.back().front() == '<'};
  }
  return std::nullopt;
}

TEST(Corpus, EveryAnswerWasToldBefore) {
  for (std::uint64_t index = 0; index < 30; ++index) {
    std::map<std::string, std::string> told;
    int n_answers = 0;
    for (const auto& sentence : sentences(make_document(shape(1500), 3, index))) {
      const auto statement = read_statement(sentence);
      if (!statement) {
        EXPECT_EQ(sentence.find('<'), std::string::npos) << sentence;
      } else if (!statement->is_answer) {
        told[statement->about] = statement->value;  // the latest counts
      } else {
        EXPECT_EQ(told[statement->about], statement->value) << sentence;
        ++n_answers;
      }
    }
    EXPECT_GT(n_answers, 20);
  }
}

// Beside the text, character by character: an answer is a whole word that was marked.
TEST(Corpus, AnswersAreTheWordsInTheText) {
  for (std::uint64_t index = 0; index < 10; ++index) {
    const auto document = make_document(shape(800), 6, index);
    const auto text = text_of(document);
    EXPECT_TRUE(std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; }));
    std::vector<std::string> marked;
    for (const Piece& piece : document)
      if (piece.is_answer) marked.push_back(piece.text.substr(1));
    std::vector<std::string> named;
    std::int64_t least = 0;
    for (const auto& [begin, end] : answers_of(document)) {
      EXPECT_GT(begin, least);
      least = end;
      EXPECT_EQ(text.at(static_cast<std::size_t>(begin) - 1), ' ');
      EXPECT_TRUE(std::ispunct(text.at(static_cast<std::size_t>(end))) ||
                  std::isspace(text.at(static_cast<std::size_t>(end))));
      named.push_back(text.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)));
    }
    EXPECT_EQ(named, marked);
  }
}

TEST(Corpus, ADocumentDependsOnSeedIndexAndShapeAlone) {
  const auto text = text_of(make_document(shape(600), 1, 5));
  EXPECT_EQ(text, text_of(make_document(shape(600), 1, 5)));
  std::set<std::string> texts{text};
  for (std::uint64_t index = 6; index < 50; ++index)
    texts.insert(text_of(make_document(shape(600), 1, index)));
  texts.insert(text_of(make_document(shape(600), 2, 5)));
  EXPECT_EQ(texts.size(), 46u);
}

TEST(Corpus, HasTheLengthAskedFor) {
  for (const int n : {500, 1000, 4000}) {
    const auto document = make_document(shape(n), 4, 0);
    EXPECT_GE(document.size(), static_cast<std::size_t>(n));
    EXPECT_LE(document.size(), static_cast<std::size_t>(n) + 60);  // a sentence more
    EXPECT_EQ(document.back().text, ".");
  }
}

TEST(Corpus, ACopyIsThePassageOnceMore) {
  const auto text = text_of(make_document(shape(500, 1), 4, 0));
  const std::string between = " Once more from the start:\n";
  const auto at = text.find(between);
  ASSERT_NE(at, std::string::npos);
  EXPECT_EQ(text.substr(0, at), text.substr(at + between.size()));
}

TEST(EncodedDocument, HasTheIdsOfTheWholeText) {
  const std::filesystem::path folder = KVCOMPARE_DEMO_DIR "/model";
  const auto tokenizer = Tokenizer::load(folder);
  DocumentEncoder encoder(Tokenizer::load(folder));
  for (std::uint64_t index = 0; index < 20; ++index) {
    const auto document = make_document(shape(700, 0.5), 8, index);
    const auto encoded = encoder.encode(document);
    EXPECT_EQ(encoded.ids, tokenizer.encode(text_of(document)));
    ASSERT_EQ(encoded.is_answer.size(), encoded.ids.size());
    EXPECT_EQ(encoded.ids.size(), document.size() + 1);  // a token a piece, and the begin token
    for (std::size_t i = 0; i < document.size(); ++i)
      EXPECT_EQ(encoded.is_answer[i + 1] != 0, document[i].is_answer);
  }
}

}  // namespace
}  // namespace kvcompare::demo
