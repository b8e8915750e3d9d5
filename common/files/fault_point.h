// Named places in the code where a test can make a fault happen. They do so only in programs built with
// KVCOMPARE_FAULTS=ON (fault_point_on.cpp). In every other program they are empty (fault_point_off.cpp).
//
// KVCOMPARE_FAULT=POINT:N:ACTION makes ACTION happen when the process passes POINT for the N-th time:
//   kill9          the process is killed
//   stop           the process sends itself SIGUSR1
//   throw          throws InvariantError
//   enospc, eio    throws OutputError as if the disk were full or broken
//   fail_unit      throws std::domain_error, which at in_unit makes only that unit fail
//   device_lost    at in_unit: throws what is thrown when the memory of a GPU is damaged
// N = 0 means every time.
//
// KVCOMPARE_DEADLY_UNIT=SAMPLE:METHOD crashes the process whenever it evaluates this unit (deadly_unit).
//
// KVCOMPARE_FAULT_LOG names a file that gets a line for each fault that has happened. A fault with a line in
// this file does not happen again, so a run that is started again can complete.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kvcompare {

inline constexpr std::string_view kFaultPoints[] = {"after_lock",
                                                    "before_journal_write",
                                                    "mid_journal_write",
                                                    "after_write_before_sync",
                                                    "after_sync_before_ack",
                                                    "before_dispatch",
                                                    "in_unit",
                                                    "worker_before_send",
                                                    "before_finalize",
                                                    "mid_finalize",
                                                    "before_rename",
                                                    "after_rename_before_marker"};

void fault_point(std::string_view name);

// A segmentation fault if the unit is the deadly one. METHOD is the place of its instance, 0 the baseline.
void deadly_unit(std::int64_t sample, std::int64_t method);

// How many bytes of a write of n_bytes are to be written before the fault at `name` happens; n_bytes if no
// fault is due.
std::size_t bytes_before_fault(std::string_view name, std::size_t n_bytes);

}  // namespace kvcompare
