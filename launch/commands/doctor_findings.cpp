#include "launch/commands/doctor_findings.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <utility>

namespace kvcompare {
namespace {

constexpr char kFieldEnd = '\x1f', kFindingEnd = '\x1e';  // ASCII's unit and record separators

// "0-2,5"
std::string ranges(const std::vector<std::size_t>& ranks) {
  std::string text;
  for (std::size_t i = 0; i < ranks.size();) {
    auto last = i;
    while (last + 1 < ranks.size() && ranks[last + 1] == ranks[last] + 1) ++last;
    text += (text.empty() ? "" : ",") + std::to_string(ranks[i]);
    if (last > i) text += "-" + std::to_string(ranks[last]);
    i = last + 1;
  }
  return text;
}

std::string line_of(const Finding& finding, const std::string& ranks) {
  constexpr std::array kHealth{"ok     ", "absent ", "BAD    "};
  std::string line = kHealth[static_cast<std::size_t>(finding.health)] + finding.subject;
  line.append(line.size() < 24 ? 24 - line.size() : 1, ' ');
  if (!ranks.empty()) line += "rank " + ranks + ": ";
  line += finding.text;
  if (!finding.remedy.empty()) line += "\n" + std::string(24, ' ') + "-> " + finding.remedy;
  return line + "\n";
}

bool same(const Finding& a, const Finding& b) {
  return a.subject == b.subject && a.health == b.health && a.text == b.text && a.remedy == b.remedy;
}

}  // namespace

std::string decimal(double number, int digits) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.*f", digits, number);
  return text.data();
}

std::string gigabytes(double bytes) { return decimal(bytes / 1e9, 1) + " GB"; }

bool any_bad(const std::vector<std::vector<Finding>>& all) {
  return std::ranges::any_of(all, [](const auto& findings) {
    return std::ranges::any_of(findings, [](const auto& f) { return f.health == Health::kBad; });
  });
}

std::string doctor_table(const std::vector<std::vector<Finding>>& all) {
  std::string table;
  const auto& longest = *std::ranges::max_element(all, {}, &std::vector<Finding>::size);
  for (const auto& row : longest) {
    std::vector<std::pair<Finding, std::vector<std::size_t>>> groups;
    for (std::size_t rank = 0; rank < all.size(); ++rank) {
      const auto found = std::ranges::find(all[rank], row.subject, &Finding::subject);
      if (found == all[rank].end()) continue;
      const auto group = std::ranges::find_if(groups, [&](const auto& g) { return same(g.first, *found); });
      if (group == groups.end())
        groups.push_back({*found, {rank}});
      else
        group->second.push_back(rank);
    }
    for (const auto& [finding, ranks] : groups)
      table += line_of(finding, ranks.size() < all.size() ? ranges(ranks) : "");
  }
  return table + (any_bad(all) ? "Something is wrong, see BAD above.\n" : "The main job can run here.\n");
}

std::string text_of(const std::vector<Finding>& findings) {
  std::string text;
  for (const auto& finding : findings) {
    for (const auto& field :
         {finding.subject, std::to_string(static_cast<int>(finding.health)), finding.text, finding.remedy})
      text += field + kFieldEnd;
    text += kFindingEnd;
  }
  return text;
}

std::vector<Finding> findings_of(const std::string& text) {
  std::vector<Finding> findings;
  std::istringstream records(text);
  for (std::string record; std::getline(records, record, kFindingEnd);) {
    std::istringstream fields(record);
    Finding finding;
    std::string health;
    std::getline(fields, finding.subject, kFieldEnd);
    std::getline(fields, health, kFieldEnd);
    std::getline(fields, finding.text, kFieldEnd);
    std::getline(fields, finding.remedy, kFieldEnd);
    finding.health = static_cast<Health>(std::atoi(health.c_str()));
    findings.push_back(std::move(finding));
  }
  return findings;
}

}  // namespace kvcompare
