#include "demo/corpus.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <utility>
#include <variant>

#include "common/random_source.h"
#include "demo/sentences.h"
#include "demo/words.h"

namespace kvcompare::demo {
namespace {

constexpr std::array<std::string_view, 6> kRecallOpenings = {" As told,", " Indeed,",    " Remember that",
                                                             " So",       " It is true", " Still,"};

struct BoxNumber {
  int box;
  int coins;
};

struct ItemList {
  std::string_view name;
  std::vector<std::string_view> items;
};

using Fact = std::variant<NamedFact, BoxNumber, ItemList>;

class Writer : SentenceWriter {
 public:
  Writer(const DocumentShape& shape, RandomSource random) : SentenceWriter(random), shape_(shape) {
    for (std::string_view name : names()) free_names_.push_back(name);
    random_.shuffle(std::span(free_names_));
  }

  // Returns a passage of about n_words pieces.
  Document passage(int n_words) {
    words("Here begins the record");
    mark(".");
    const auto end = static_cast<std::size_t>(n_words);
    const auto end_of_telling = static_cast<std::size_t>(shape_.telling * n_words);
    while (document_.size() < end) {
      if (random_.chance(shape_.filler)) {
        filler();
      } else if (facts_.empty() || (document_.size() < end_of_telling && random_.chance(0.7))) {
        tell();
      } else {
        ask(random_.pick(std::span<const Fact>(facts_)));
      }
    }
    return std::move(document_);
  }

 private:
  void filler() { SentenceWriter::filler(shape_.named_filler); }

  void tell() {
    const double kind = random_.uniform();
    if (kind < shape_.lists) {
      tell_list();
    } else if (kind < shape_.lists + shape_.numbers) {
      tell_number();
    } else {
      tell_fact();
    }
  }

  void tell_fact() {
    std::string_view name;
    if (shape_.relations_per_name > 1 && !told_.empty() && random_.chance(0.6)) {
      name = random_.pick(std::span<const std::string_view>(told_));
    } else if (!free_names_.empty()) {
      name = free_names_.back();
      free_names_.pop_back();
      told_.push_back(name);
    } else {
      return filler();
    }
    std::vector<const Relation*> open;
    for (const Relation& relation : kRelations)
      if (!is_told(name, relation)) open.push_back(&relation);
    if (kRelations.size() - open.size() >= static_cast<std::size_t>(shape_.relations_per_name))
      return filler();
    const Relation* relation = random_.pick(std::span<const Relation* const>(open));
    const NamedFact fact{name, relation, random_.pick(relation->values())};
    state(fact, false);
    facts_.emplace_back(fact);
  }
  bool is_told(std::string_view name, const Relation& relation) const {
    return std::ranges::any_of(facts_, [&](const Fact& fact) {
      const auto* named = std::get_if<NamedFact>(&fact);
      return named && named->name == name && named->relation == &relation;
    });
  }

  void tell_number() {
    std::vector<BoxNumber*> boxes;
    for (Fact& fact : facts_)
      if (auto* box = std::get_if<BoxNumber>(&fact)) boxes.push_back(box);
    if (!boxes.empty() && random_.chance(shape_.updates)) {
      BoxNumber& box = *random_.pick(std::span<BoxNumber* const>(boxes));
      box.coins = random_.between(10, 99);
      return state(box, false, " now holds");
    }
    const BoxNumber box{random_.between(10, 99), random_.between(10, 99)};
    if (std::ranges::any_of(boxes, [&](const BoxNumber* other) { return other->box == box.box; }))
      return filler();
    state(box, false, " holds");
    facts_.emplace_back(box);
  }

  void tell_list() {
    if (free_names_.empty()) return filler();
    ItemList list{free_names_.back(), {}};
    free_names_.pop_back();
    const int n_items = random_.between(3, 8);
    while (list.items.size() < static_cast<std::size_t>(n_items)) {
      const std::string_view item = random_.pick(things());
      if (std::ranges::find(list.items, item) == list.items.end()) list.items.push_back(item);
    }
    words(" The list of");
    state(list, false);
    facts_.emplace_back(std::move(list));
  }

  void ask(const Fact& fact) {
    if (const auto* named = std::get_if<NamedFact>(&fact)) {
      if (random_.chance(0.4)) {
        question(*named);
      } else {
        words(random_.pick(std::span<const std::string_view>(kRecallOpenings)));
      }
      state(*named, true);
    } else if (const auto* box = std::get_if<BoxNumber>(&fact)) {
      words(random_.pick(std::span<const std::string_view>(kRecallOpenings)));
      state(*box, true, " holds");
    } else {
      words(" Again the list of");
      state(std::get<ItemList>(fact), true);
    }
  }

  void value(std::string_view text, bool is_recall) { is_recall ? answer(text) : word(text); }

  void state(const NamedFact& fact, bool is_recall) {
    stem(fact);
    value(fact.value, is_recall);
    mark(".");
  }
  void state(const BoxNumber& box, bool is_recall, std::string_view holds) {
    words(" Box");
    word(std::to_string(box.box));
    words(holds);
    value(std::to_string(box.coins), is_recall);
    words(" coins");
    mark(".");
  }
  void state(const ItemList& list, bool is_recall) {
    word(list.name);
    mark(":");
    for (std::string_view item : list.items) value(item, is_recall);
    mark(".");
  }

  const DocumentShape& shape_;
  std::vector<std::string_view> free_names_;
  std::vector<std::string_view> told_;  // names with facts
  std::vector<Fact> facts_;
};

}  // namespace

Document make_document(const DocumentShape& shape, std::uint64_t seed, std::uint64_t index) {
  RandomSource random(seed, index);
  if (!random.chance(shape.copies)) return Writer(shape, random).passage(shape.n_words);
  Document document = Writer(shape, random).passage(shape.n_words / 2);
  const Document first = document;
  for (std::string_view piece : {" Once", " more", " from", " the", " start", ":", "\n"})
    document.push_back({std::string(piece), false});
  document.insert(document.end(), first.begin(), first.end());
  return document;
}

}  // namespace kvcompare::demo
