#include "launch/command_line/nearest_name.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <optional>
#include <utility>

namespace kvcompare {
namespace {

constexpr std::size_t kMostSuggestions = 3;
constexpr std::size_t kShortestWord = 4;  // shorter words ("n", "use") say nothing

std::string folded(std::string_view name) {
  std::string result;
  for (const char c : name)
    result += c == '-' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

bool shares_a_word(std::string_view a, std::string_view b) {
  std::size_t begin = 0;
  while (begin <= a.size()) {
    const std::size_t end = std::min(a.find('_', begin), a.size());
    const std::string_view word = a.substr(begin, end - begin);
    if (word.size() >= kShortestWord && b.find(word) != std::string_view::npos) return true;
    begin = end + 1;
  }
  return false;
}

// Edits beyond which a name looks like another one: a third of its letters.
int most_edits(const std::string& given) { return static_cast<int>((given.size() + 2) / 3); }

// Smaller is nearer; absent if nobody would take one for the other. The edit distance alone would take
// `ratio` for `seed`.
std::optional<int> farness(const std::string& given, const std::string& known) {
  const int distance = edit_distance(given, known);
  const bool is_near = distance <= most_edits(given);
  if (is_near && distance <= 2) return distance;
  const bool contained = given.size() >= 3 && known.find(given) != std::string::npos;
  if (contained || shares_a_word(given, known)) return 3;
  return is_near ? std::optional(distance + 1) : std::nullopt;
}

}  // namespace

int edit_distance(std::string_view a, std::string_view b) {
  const std::size_t columns = b.size() + 1;
  std::vector<int> before_last(columns), last(columns), current(columns);
  for (std::size_t j = 0; j < columns; ++j) last[j] = static_cast<int>(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    current[0] = static_cast<int>(i);
    for (std::size_t j = 1; j < columns; ++j) {
      const int substitution = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      current[j] = std::min({last[j] + 1, current[j - 1] + 1, substitution});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        current[j] = std::min(current[j], before_last[j - 2] + 1);
    }
    before_last = std::exchange(last, current);
  }
  return last[b.size()];
}

std::vector<std::string> nearest_names(std::string_view given, std::span<const std::string> known) {
  std::vector<std::pair<int, std::string>> ranked;
  const std::string wanted = folded(given);
  for (const std::string& name : known)
    if (const auto far = farness(wanted, folded(name))) ranked.emplace_back(*far, name);
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> nearest;
  for (const auto& [distance, name] : ranked)
    if (distance == ranked.front().first && nearest.size() < kMostSuggestions) nearest.push_back(name);
  return nearest;
}

std::string suggestion(std::string_view given, std::span<const std::string> known, std::string_view prefix) {
  const std::vector<std::string> nearest = nearest_names(given, known);
  if (nearest.empty()) return "";
  std::string text = "did you mean ";
  for (std::size_t i = 0; i < nearest.size(); ++i) {
    if (i > 0) text += i + 1 == nearest.size() ? " or " : ", ";
    text += std::string(prefix) + nearest[i];
  }
  return text + "? ";
}

}  // namespace kvcompare
