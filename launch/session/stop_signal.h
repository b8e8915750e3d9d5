// Makes SIGINT, SIGTERM, SIGHUP and SIGUSR1 a clean stop: no new unit begins. Before the first unit nothing
// can be lost, so a stop ends the process at once, whatever the process is waiting for. A second SIGINT or
// SIGTERM always ends the process at once. Under nohup SIGHUP stays ignored.
#pragma once

namespace kvcompare {

// For the whole process; to be called once, before threads are started. From now on such a signal ends the
// process with exit code 75.
void install_stop_signals();

// Sets the text for stderr when a stop ends the process at once. If mpirun or srun started several ranks,
// only rank 0 sets it.
//   words : a line with its line break, in static storage
void end_at_once_on_stop(const char* words);

// From now on a stop is only noted; see stop_signalled.
void only_note_stop();

// False if mpirun or srun started several ranks, and this is not rank 0. Known before MPI is initialised.
bool speaks_for_all_ranks();

bool stop_signalled();

// Protects work that must not be left half done. If a stop comes while the object lives, the process ends
// when the object ends.
class StopDeferred {
 public:
  StopDeferred();
  ~StopDeferred();
  StopDeferred(const StopDeferred&) = delete;
  StopDeferred& operator=(const StopDeferred&) = delete;

 private:
  const char* words_;
};

}  // namespace kvcompare
