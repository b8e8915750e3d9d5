// What kvcompare doctor has found on a host, as a table for people and as text on its way between ranks.
#pragma once

#include <string>
#include <vector>

namespace kvcompare {

enum class Health { kGood, kAbsent, kBad };  // kAbsent: not there, and the main job does without

struct Finding {
  std::string subject;  // "MPI"
  Health health = Health::kGood;
  std::string text;    // what was found
  std::string remedy;  // what brings it or sets it right; may be empty
};

// One line a finding; where ranks differ, one a group of ranks that agree. findings: by rank, not empty; a
// rank may lack some that others have (GPUs).
std::string doctor_table(const std::vector<std::vector<Finding>>& findings);

// Whether the main job cannot run.
bool any_bad(const std::vector<std::vector<Finding>>& findings);

// As text, to be sent to rank 0, and back.
std::string text_of(const std::vector<Finding>& findings);
std::vector<Finding> findings_of(const std::string& text);

// A number with so many digits behind the point.
std::string decimal(double number, int digits);

}  // namespace kvcompare
