#include "common/data/json_ranges.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "common/data/json_token_ids.h"
#include "common/plural.h"

namespace kvcompare {
namespace {

using json = nlohmann::json;

bool is_count(const json& value) {
  return value.is_number_unsigned() &&
         value.get<std::uint64_t>() <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
}

// A range and its place in the list, for messages.
struct Numbered {
  Range range;
  std::size_t place;

  std::string shown() const {
    return "range " + std::to_string(place) + ", [" + std::to_string(range.begin) + ", " +
           std::to_string(range.end) + "],";
  }
};

class RangesReader {
 public:
  //   name : of the list, for messages
  RangesReader(const JsonLine& line, std::string name, const RangeBounds& bounds, const DataPlace& place)
      : line_(line), name_(std::move(name)), bounds_(bounds), place_(place) {}

  // In ascending order.
  std::vector<Numbered> read(const json& list) const {
    if (!list.is_array()) place_.fail(expected() + "; it is " + kind_of(list, line_));
    std::vector<Numbered> numbered;
    for (const json& item : list) numbered.push_back({range_of(item, numbered.size()), numbered.size()});
    for (const auto& one : numbered) check(one);
    std::ranges::sort(numbered, {}, [](const Numbered& one) { return one.range.begin; });
    for (std::size_t i = 1; i < numbered.size(); ++i)
      if (numbered[i].range.begin < numbered[i - 1].range.end)
        fail(numbered[i], "overlaps " + numbered[i - 1].shown() + " expected ranges that lie apart");
    return numbered;
  }

 private:
  std::string expected() const {
    return name_ + " must be an array of ranges [begin, end] of " + bounds_.unit + " of " + bounds_.of +
           ", whole numbers from 0";
  }

  Range range_of(const json& item, std::size_t place) const {
    const auto element = "; element " + std::to_string(place);
    if (!item.is_array()) place_.fail(expected() + element + " is " + kind_of(item, line_));
    if (item.size() != 2)
      place_.fail(expected() + element + " has " + std::to_string(item.size()) + " numbers, expected 2");
    for (const json& number : item)
      if (!is_count(number))
        place_.fail(expected() + element + " holds " +
                    (number.is_number() ? number.dump() : "a value " + kind_of(number, line_)));
    return {item[0].get<std::int64_t>(), item[1].get<std::int64_t>()};
  }

  [[noreturn]] void fail(const Numbered& one, const std::string& problem) const {
    place_.fail(name_ + ": " + one.shown() + " " + problem);
  }

  void check(const Numbered& one) const {
    const auto [begin, end] = one.range;
    if (begin > end) fail(one, "ends before it begins; expected begin < end");
    if (begin == end) fail(one, "is empty; expected begin < end");
    if (begin < bounds_.all.begin || end > bounds_.all.end)
      fail(one, "lies outside of " + bounds_.of + ", which has the " + bounds_.unit + " [" +
                    std::to_string(bounds_.all.begin) + ", " + std::to_string(bounds_.all.end) + "]");
  }

  const JsonLine& line_;
  const std::string name_;
  const RangeBounds& bounds_;
  const DataPlace& place_;
};

std::vector<Range> ranges_of(const std::vector<Numbered>& numbered) {
  std::vector<Range> ranges;
  for (const auto& one : numbered) ranges.push_back(one.range);
  return ranges;
}

// Whether an item is a list of ranges, not a range: an empty one may be.
bool is_list_of_lists(const json& evidence) {
  return evidence.is_array() && std::ranges::any_of(evidence, [](const json& item) {
           return item.is_array() && (item.empty() || item[0].is_array());
         });
}

// In the order of the line.
EvidenceLists read_list_of_lists(const JsonLine& line, std::size_t n_scored, const RangeBounds& bounds,
                                 const DataPlace& place) {
  const json& lists = line.object.at(kEvidenceField);
  if (lists.size() != n_scored)
    place.fail(
        std::string("'") + kEvidenceField + "' holds " + counted(std::ssize(lists), "list") +
        " of ranges beside " + counted(static_cast<std::int64_t>(n_scored), "scored range") +
        "; expected one list for each scored range, or one list of ranges [begin, end] that serves them all");
  EvidenceLists result;
  for (const json& list : lists)
    result.push_back(ranges_of(
        RangesReader(line, "list " + std::to_string(result.size()) + " of 'evidence'", bounds, place)
            .read(list)));
  return result;
}

}  // namespace

EvidenceLists read_evidence(const JsonLine& line, std::size_t n_scored, const RangeBounds& bounds,
                            const DataPlace& place) {
  if (!has_value(line.object, kEvidenceField)) return {};
  const json& evidence = line.object.at(kEvidenceField);
  auto lists = is_list_of_lists(evidence)
                   ? read_list_of_lists(line, n_scored, bounds, place)
                   : EvidenceLists{ranges_of(RangesReader(line, "'evidence'", bounds, place).read(evidence))};
  return std::ranges::all_of(lists, &std::vector<Range>::empty) ? EvidenceLists{} : lists;
}

ScoredAndEvidence read_scored_and_evidence(const JsonLine& line, const RangeBounds& bounds,
                                           const DataPlace& place) {
  const bool has_scored = has_value(line.object, kScoredField);
  const auto scored = has_scored
                          ? RangesReader(line, "'scored'", bounds, place).read(line.object.at(kScoredField))
                          : std::vector<Numbered>();
  ScoredAndEvidence result;
  if (has_scored) result.scored = ranges_of(scored);
  auto evidence = read_evidence(line, scored.size(), bounds, place);
  if (evidence.size() <= 1) {
    result.evidence = std::move(evidence);
    return result;
  }
  for (const auto& one : scored) result.evidence.push_back(std::move(evidence[one.place]));
  return result;
}

}  // namespace kvcompare
