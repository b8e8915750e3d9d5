#include "common/data/json_token_ids.h"

#include <algorithm>
#include <cstdint>
#include <limits>

namespace kvcompare {
namespace {

using json = nlohmann::json;

constexpr std::int64_t kNotScored = -100;  // the label that PyTorch's cross_entropy ignores

class TokenIdsReader {
 public:
  TokenIdsReader(const JsonLine& line, const DataPlace& place) : line_(line), place_(place) {}

  LineTokenIds read() {
    read_ids();
    read_mask();
    check_labels();
    check_positions();
    return {{ids_.begin() + first_, ids_.begin() + end_}, first_};
  }

 private:
  const json& field(const char* name) const { return line_.object.at(name); }

  std::string shown(const json& value) const {
    return value.is_number() || value.is_boolean() ? value.dump() : kind_of(value, line_);
  }

  void read_ids() {
    const json& value = field("input_ids");
    const std::string expected = "'input_ids' must be an array of token ids, integers from 0";
    if (!value.is_array()) place_.fail(expected + "; it is " + kind_of(value, line_));
    ids_.reserve(value.size());
    for (const json& id : value) {
      const bool fits =
          id.is_number_unsigned() &&
          id.get<std::uint64_t>() <= static_cast<std::uint64_t>(std::numeric_limits<TokenId>::max());
      if (!fits)
        place_.fail(expected + "; element " + std::to_string(ids_.size()) + " is " +
                    (id.is_number() ? id.dump() : kind_of(id, line_)));
      ids_.push_back(id.get<TokenId>());
    }
    end_ = std::ssize(ids_);
  }

  // Null if the field is absent.
  const json* beside(const std::string& name) const {
    if (!has_value(line_.object, name)) return nullptr;
    const json& value = line_.object.at(name);
    const std::string expected =
        "'" + name + "' must be an array as long as 'input_ids' (" + std::to_string(ids_.size()) + ")";
    if (!value.is_array()) place_.fail(expected + "; it is " + kind_of(value, line_));
    if (value.size() != ids_.size()) place_.fail(expected + "; it has " + std::to_string(value.size()));
    return &value;
  }

  bool is_kept(const json& value, std::int64_t i) const {
    if (value.is_boolean()) return value.get<bool>();
    if (value.is_number_unsigned() && value.get<std::uint64_t>() <= 1) return value.get<std::uint64_t>() == 1;
    place_.fail("'attention_mask' holds " + shown(value) + " at position " + std::to_string(i) +
                "; expected 1 for a token of the sample, 0 for padding");
  }

  void read_mask() {
    const json* mask = beside("attention_mask");
    if (!mask) return;
    std::vector<bool> kept;
    for (const json& value : *mask) kept.push_back(is_kept(value, std::ssize(kept)));
    first_ = std::find(kept.begin(), kept.end(), true) - kept.begin();
    end_ = std::max<std::int64_t>(first_, kept.rend() - std::find(kept.rbegin(), kept.rend(), true));
    const auto hole = std::find(kept.begin() + first_, kept.begin() + end_, false) - kept.begin();
    if (hole < end_)
      place_.fail("'attention_mask' is 0 at position " + std::to_string(hole) +
                  ", between tokens that it keeps; expected 0 before or after the sample only (padding)");
  }

  void check_labels() const {
    const json* labels = beside("labels");
    if (!labels) return;
    std::int64_t n_unscored = 0;
    for (std::int64_t i = 0; i < std::ssize(ids_); ++i) {
      const json& label = (*labels)[static_cast<std::size_t>(i)];
      if (label == ids_[static_cast<std::size_t>(i)]) continue;
      if (label != kNotScored || !label.is_number_integer())
        place_.fail("'labels' holds " + shown(label) + " at position " + std::to_string(i) +
                    ", where 'input_ids' holds " + std::to_string(ids_[static_cast<std::size_t>(i)]) +
                    "; expected the same id (labels are not shifted); remove 'labels' to score the sample "
                    "as it is");
      if (i > first_ && i < end_) ++n_unscored;
    }
    if (n_unscored > 0)
      place_.fail(
          "'labels' asks that " + std::to_string(n_unscored) + " of the " + std::to_string(end_ - first_) +
          " tokens are not scored (-100); put the ranges of the tokens that are into 'scored' and remove "
          "'labels'; without 'scored', kvcompare scores every token after the first");
  }

  void check_positions() const {
    const json* positions = beside("position_ids");
    if (!positions) return;
    for (auto i = first_; i < end_; ++i)
      if (const json& position = (*positions)[static_cast<std::size_t>(i)];
          !position.is_number_integer() || position != i - first_)
        place_.fail("'position_ids' holds " + shown(position) + " for token " + std::to_string(i - first_) +
                    " of the sample; kvcompare counts positions from 0: expected " +
                    std::to_string(i - first_) + ", or no 'position_ids'; packed samples need a line each");
  }

  const JsonLine& line_;
  const DataPlace& place_;
  std::vector<TokenId> ids_;
  std::int64_t first_ = 0, end_ = 0;  // the sample is ids [first_, end_)
};

}  // namespace

bool has_value(const json& object, const std::string& field) {
  const auto found = object.find(field);
  return found != object.end() && !found->is_null();
}

LineTokenIds read_token_ids(const JsonLine& line, const DataPlace& place) {
  return TokenIdsReader(line, place).read();
}

}  // namespace kvcompare
