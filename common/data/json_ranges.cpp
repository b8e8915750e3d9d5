#include "common/data/json_ranges.h"

#include <algorithm>
#include <limits>

#include "common/data/json_token_ids.h"

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
  RangesReader(const JsonLine& line, const std::string& field, const RangeBounds& bounds,
               const DataPlace& place)
      : line_(line), field_(field), bounds_(bounds), place_(place) {}

  std::vector<Range> read() const {
    const json& list = line_.object.at(field_);
    if (!list.is_array()) place_.fail(expected() + "; it is " + kind_of(list, line_));
    std::vector<Numbered> numbered;
    for (const json& item : list) numbered.push_back({range_of(item, numbered.size()), numbered.size()});
    for (const auto& one : numbered) check(one);
    std::ranges::sort(numbered, {}, [](const Numbered& one) { return one.range.begin; });
    std::vector<Range> ranges;
    for (std::size_t i = 0; i < numbered.size(); ++i) {
      if (i > 0 && numbered[i].range.begin < numbered[i - 1].range.end)
        fail(numbered[i], "overlaps " + numbered[i - 1].shown() + " expected ranges that lie apart");
      ranges.push_back(numbered[i].range);
    }
    return ranges;
  }

 private:
  std::string expected() const {
    return "'" + field_ + "' must be an array of ranges [begin, end] of " + bounds_.unit + " of " +
           bounds_.of + ", whole numbers from 0";
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
    place_.fail("'" + field_ + "': " + one.shown() + " " + problem);
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
  const std::string& field_;
  const RangeBounds& bounds_;
  const DataPlace& place_;
};

}  // namespace

std::optional<std::vector<Range>> read_ranges(const JsonLine& line, const std::string& field,
                                              const RangeBounds& bounds, const DataPlace& place) {
  if (!has_value(line.object, field)) return std::nullopt;
  return RangesReader(line, field, bounds, place).read();
}

}  // namespace kvcompare
