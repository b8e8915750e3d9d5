#include "launch/commands/doctor_command.h"

#include <string>
#include <vector>

#include "common/messages/mpi_environment.h"
#include "common/usable_cores.h"
#include "launch/commands/doctor_findings.h"
#include "launch/commands/doctor_gpus.h"
#include "launch/commands/doctor_host.h"
#include "launch/commands/doctor_limits.h"
#include "launch/commands/doctor_output_folder.h"
#include "launch/session/standard_output.h"

namespace kvcompare {
namespace {

// Of this process and its host. Where the CPU alone is asked for, GPUs are not looked at: their driver may be
// broken.
std::vector<Finding> examine(const DoctorCommand& command, const doctor::DefaultThreads& threads) {
  std::vector<Finding> findings{doctor::processor(),       doctor::cpu_limits(),
                                doctor::memory(),          doctor::huge_pages(),
                                doctor::numa_nodes(),      doctor::limits(doctor::resource_limits()),
                                doctor::defaults(threads), doctor::locale(),
                                doctor::libtorch(),        doctor::hdf5(),
                                doctor::parquet(),         doctor::mpi(),
                                doctor::slurm(),           doctor::nccl()};
  GpuFacts facts;
  if (command.device != "cpu") {
    facts = gpu_facts();
    findings.push_back(doctor::cuda(facts));
    findings.push_back(doctor::cuda_driver(facts));
    for (int i = 0; i < facts.n_gpus(); ++i) findings.push_back(doctor::gpu(i));
  }
  findings.push_back(doctor::devices(command.device, facts));
  findings.push_back(doctor::shared_memory());
  findings.push_back(doctor::output_folder(command.output_dir));
  return findings;
}

doctor::DefaultThreads threads_alone() {
  const auto cores = usable_cores();
  return {cores.n, cores.from};
}

// Collective.
doctor::DefaultThreads threads_of_rank(const MpiEnvironment& mpi) {
  const auto place = mpi.place_on_host(true);
  return {place.n_cores, omp_num_threads()
                             ? "OMP_NUM_THREADS"
                             : "its share as one of " + std::to_string(place.n_ranks) + " on its host"};
}

ExitCode tell(const std::vector<std::vector<Finding>>& all) {
  print(doctor_table(all));
  return any_bad(all) ? ExitCode::kUsage : ExitCode::kComplete;
}

}  // namespace

ExitCode run_doctor(const DoctorCommand& command) {
  if (n_launched_processes() == 1) return tell({examine(command, threads_alone())});
  MpiEnvironment mpi;
  const auto threads = threads_of_rank(mpi);
  // The folder's lock is for one: the ranks look one after the other.
  std::vector<Finding> findings;
  for (int turn = 0; turn < mpi.size(); ++turn) {
    if (turn == mpi.rank()) findings = examine(command, threads);
    mpi.barrier();
  }
  std::vector<std::vector<Finding>> all;
  for (const auto& text : mpi.gather(text_of(findings))) all.push_back(findings_of(text));
  const auto code = mpi.rank() == 0 ? tell(all) : ExitCode::kComplete;
  mpi.finalize();
  return code;
}

}  // namespace kvcompare
