// report.html: one file that a browser shows without a network.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "coordinator/comparison/comparison.h"
#include "coordinator/journal/session.h"

namespace kvcompare {

// What the page shows of an output folder. The page is made before what is referred to goes away.
struct PageRun {
  std::string name;  // of the folder, as a reader knows it
  const Comparison& comparison;
  const std::vector<Session>& sessions;              // in the order of the journal; may be empty
  std::map<SampleIndex, std::string> first_words{};  // of the samples' texts, where they are to be shown
};

// The page of one run, or of several side by side, with what cannot be compared between them.
//   runs : at least one
std::string report_page(std::span<const PageRun> runs);

}  // namespace kvcompare
