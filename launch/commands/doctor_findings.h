// What kvcompare doctor has found on a host: as a table for people, and as text that ranks send to each
// other.
#pragma once

#include <string>
#include <vector>

namespace kvcompare {

enum class Health { kGood, kAbsent, kBad };  // kAbsent: not there, but the main job does not need it

struct Finding {
  std::string subject;  // "MPI"
  Health health = Health::kGood;
  std::string text;    // what was found
  std::string remedy;  // how to install or repair it; may be empty
};

// One line for each finding. If ranks differ, one line for each group of ranks that agree.
//   findings : by rank, not empty; a rank may lack findings that others have (GPUs)
std::string doctor_table(const std::vector<std::vector<Finding>>& findings);

// Whether the main job cannot run.
bool any_bad(const std::vector<std::vector<Finding>>& findings);

// Turns findings into text, to be sent to rank 0, and back.
std::string text_of(const std::vector<Finding>& findings);
std::vector<Finding> findings_of(const std::string& text);

// A number with this many digits after the point.
std::string decimal(double number, int digits);

// "12.3 GB"; a GB is 10^9 bytes.
std::string gigabytes(double bytes);

}  // namespace kvcompare
