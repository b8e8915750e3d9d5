// SIGINT, SIGTERM and SIGUSR1 as a clean stop: no new unit is begun. Before the first unit there is nothing
// that could be lost, and a stop ends the process at once, whatever the process is waiting for. A second
// SIGINT or SIGTERM ends it at once in any case.
#pragma once

namespace kvcompare {

// Process-wide; once, before threads are started. From now on such a signal ends the process with exit code
// 75.
void install_stop_signals();

// What stderr is told when a stop ends the process at once. Of ranks that mpirun or srun started together,
// rank 0 alone says it. words: a line with its line break, in static storage.
void end_at_once_on_stop(const char* words);

// From now on a stop is only noted: see stop_signalled.
void only_note_stop();

bool stop_signalled();

// What must not be left half done: a stop that comes while this object lives ends the process when the object
// ends.
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
