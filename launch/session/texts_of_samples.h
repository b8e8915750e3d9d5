// --report_text: the first words of the samples, where the data still lies.
#pragma once

#include <map>
#include <string>

#include "coordinator/journal/journal_record.h"

namespace kvcompare {

using TextsOfSamples = std::map<SampleIndex, std::string>;

// Of the run's data set. Nothing, and a warning in the log, if it cannot be read any more.
TextsOfSamples texts_of_samples(const JournalHeader& header);

}  // namespace kvcompare
