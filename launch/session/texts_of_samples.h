// Reads the first words of the samples for --report_text, from the place where the data was.
#pragma once

#include <map>
#include <string>

#include "coordinator/journal/journal_record.h"

namespace kvcompare {

using TextsOfSamples = std::map<SampleIndex, std::string>;

// Reads the run's data set. If it can no longer be read, returns nothing, and writes a warning to the log.
TextsOfSamples texts_of_samples(const JournalHeader& header);

}  // namespace kvcompare
