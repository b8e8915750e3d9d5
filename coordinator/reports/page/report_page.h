// report.html: one file that a browser shows without a network.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "coordinator/comparison/comparison.h"
#include "coordinator/journal/session.h"
#include "coordinator/reports/worst_tokens.h"

namespace kvcompare {

// What the page shows of the samples' texts. Empty where nothing is to be shown, or known.
struct PageTexts {
  std::map<SampleIndex, std::string> first_words{};     // of samples
  std::vector<std::vector<ShownToken>> worst_tokens{};  // [Comparison::methods], the worst first
};

// What the page shows of one output folder. The objects referred to must live until the page is made.
struct PageRun {
  std::string name;  // the folder's name, as a reader knows it
  const Comparison& comparison;
  const std::vector<Session>& sessions;  // in the order of the journal; may be empty
  PageTexts texts{};
};

// Returns the page of one run, or of several side by side, which also says what cannot be compared between
// them.
//   runs : at least one
std::string report_page(std::span<const PageRun> runs);

}  // namespace kvcompare
