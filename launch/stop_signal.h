// SIGINT, SIGTERM and SIGUSR1 as a clean stop: no new unit is begun. A second one of SIGINT or SIGTERM ends
// the process at once.
#pragma once

namespace kvcompare {

// Process-wide; once, before threads are started.
void install_stop_signals();

bool stop_signalled();

}  // namespace kvcompare
