#include "demo/needle.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "common/random_source.h"
#include "demo/document.h"
#include "demo/sentences.h"
#include "demo/words.h"

namespace kvcompare::demo {
namespace {

constexpr double kNobodyNamed = 0;  // in filler, so that it says nothing about whom the question names

// A fact of either kind.
struct Told {
  std::string_view name;
  const Relation* relation = nullptr;  // null: a number
  std::string value;
};

// Where a fact is told: once that many pieces stand before it.
struct Place {
  std::size_t n_before;
  std::size_t fact;  // 0: the needle
};

class NeedleWriter : SentenceWriter {
 public:
  NeedleWriter(const NeedleShape& shape, RandomSource random) : SentenceWriter(random), shape_(shape) {
    choose_facts();
  }

  Needle write() {
    Needle needle;
    const auto end = static_cast<std::size_t>(shape_.n_words);
    words("Here begins the record");
    mark(".");
    auto places = places_of_facts();
    for (auto next = places.begin(); next != places.end() || document_.size() < end;) {
      if (next == places.end() || document_.size() < next->n_before) {
        filler(kNobodyNamed);
      } else {
        const auto begin = std::ssize(text_of(document_)) + 1;  // without the space before the sentence
        tell(facts_[next->fact]);
        if (next->fact == 0) needle.evidence = {begin, std::ssize(text_of(document_))};
        ++next;
      }
    }
    needle.context = text_of(std::exchange(document_, {}));
    ask(facts_.front());
    needle.question = text_of(document_);
    needle.answer = " " + facts_.front().value;
    return needle;
  }

 private:
  void choose_facts() {
    std::vector<std::string_view> free_names(names().begin(), names().end());
    random_.shuffle(std::span(free_names));
    const auto n_facts = std::min(free_names.size(), static_cast<std::size_t>(shape_.n_others) + 1);
    while (facts_.size() < n_facts) {
      Told fact = fact_about(free_names[facts_.size()]);
      if (std::ranges::none_of(facts_, [&](const Told& other) { return other.value == fact.value; }))
        facts_.push_back(std::move(fact));
    }
  }

  Told fact_about(std::string_view name) {
    if (shape_.kind == NeedleKind::kNumber)
      return {name, nullptr, std::to_string(random_.between(1000, 9999))};
    const Relation& relation = random_.pick(std::span<const Relation>(kRelations));
    return {name, &relation, std::string(random_.pick(relation.values()))};
  }

  // Ascending.
  std::vector<Place> places_of_facts() {
    std::vector<Place> places{{static_cast<std::size_t>(shape_.depth * shape_.n_words), 0}};
    for (std::size_t fact = 1; fact < facts_.size(); ++fact)
      places.push_back({random_.below(static_cast<std::size_t>(shape_.n_words)), fact});
    std::ranges::stable_sort(places, {}, &Place::n_before);
    return places;
  }

  void stem(const Told& fact) {
    if (fact.relation) return SentenceWriter::stem({fact.name, fact.relation, fact.value});
    words(" The secret number of");
    word(fact.name);
    words(" is");
  }

  void tell(const Told& fact) {
    stem(fact);
    word(fact.value);
    mark(".");
  }

  void ask(const Told& fact) {
    if (fact.relation) {
      question({fact.name, fact.relation, fact.value});
    } else {
      words(" What is the secret number of");
      word(fact.name);
      mark("?");
    }
    stem(fact);
  }

  const NeedleShape& shape_;
  std::vector<Told> facts_;  // [0] is the needle
};

}  // namespace

Needle make_needle(const NeedleShape& shape, std::uint64_t seed, std::uint64_t index) {
  return NeedleWriter(shape, RandomSource(seed, index)).write();
}

}  // namespace kvcompare::demo
