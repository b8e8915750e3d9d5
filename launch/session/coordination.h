// The coordinator's part of a run, from the command to the reports. It is the same whether the workers are
// threads or processes.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "coordinator/coordinator_loop.h"
#include "launch/command_line/command.h"
#include "launch/session/job.h"
#include "launch/session/job_data.h"
#include "launch/session/output_folder.h"
#include "launch/session/sought_thresholds.h"

namespace kvcompare {

class Coordination {
 public:
  // Locks the output folder, reads job and data, finds the thresholds that are to be found, opens the
  // journal, and plans which units are still to be evaluated.
  Coordination(const CompareCommand& command, const SearchPlace& place);

  const Job& job() const { return job_; }
  const std::string& model_hash() const { return data_.hashes.model; }
  std::size_t n_units() const { return work_.units.size(); }  // still to be evaluated
  std::int64_t longest_sample() const;                        // tokens

  // The processes and workers of the run, for run.json.
  struct Crew {
    int n_processes = 1;
    int n_workers = 1;
    int n_threads = 1;
    std::string device;
  };

  // Has the units evaluated by the workers.
  //   end : ends this process, and the other ranks if there are any. Called after a stop was asked for, if
  //         units go on for too long, or if only workers that are still loading are left
  void evaluate(Messenger& messenger, const Crew& crew, const std::function<void()>& end);

  // Writes the reports and prints the table.
  ExitCode finish();

 private:
  Session session(const Crew& crew) const;
  void give_up_deadly_units(const std::map<UnitId, Deaths>& deaths);
  void record_what_is_asked();
  void journal_end(const Evaluated& evaluated);

  const CompareCommand& command_;
  std::chrono::system_clock::time_point started_;
  std::chrono::steady_clock::time_point loading_since_;
  OutputFolder folder_;
  Job job_;
  JobData data_;
  JournalHeader header_;
  Work work_;
  std::unique_ptr<JournalWriter> journal_;
  double load_seconds_;
};

}  // namespace kvcompare
