// Whether the values of a record can be those of a run: what a checksum cannot tell.
#pragma once

#include "coordinator/journal/journal_record.h"

namespace kvcompare {

// All throw std::invalid_argument saying which value is wrong, and what it should be.
void check_values(const JournalHeader& header);
void check_unit(const JournalHeader& header, UnitId unit);  // a unit that the run evaluates
void check_values(const JournalHeader& header, const Attempt& attempt);
void check_values(const JournalHeader& header, const SampleTokens& tokens);

}  // namespace kvcompare
