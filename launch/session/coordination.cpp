#include "launch/session/coordination.h"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <span>
#include <string>
#include <utility>

#include "common/build_commit.h"
#include "common/errors.h"
#include "common/host_name.h"
#include "common/log.h"
#include "common/plural.h"
#include "common/run/instance_name.h"
#include "common/version.h"
#include "coordinator/plan/plan.h"
#include "launch/session/model_shapes.h"
#include "launch/session/progress_style.h"
#include "launch/session/publish.h"
#include "launch/session/run_header.h"
#include "launch/session/stop_signal.h"
#include "worker/devices/machine_numerics.h"

namespace kvcompare {
namespace {

using Clock = std::chrono::steady_clock;

// Says at once, and not only at the end, that the stop was noticed: if mpirun passes the stop on, a rank has
// only one second between SIGTERM and SIGKILL.
bool heeded_stop(bool& has_told) {
  if (stop_signalled() && !std::exchange(has_told, true))
    log_warning(
        "interrupted: no new unit is begun; what is done is safe; run again with --resume to continue");
  return has_told;
}

std::string told_to_give_up(const RunOptions& options) {
  return "interrupted: units are still being evaluated " + std::to_string(options.stop_grace) +
         " s after the stop (--stop_grace); they are dropped. What is done is safe; run again with --resume";
}

}  // namespace

Coordination::Coordination(const CompareCommand& command, const SearchPlace& place)
    : command_(command),
      started_(std::chrono::system_clock::now()),
      loading_since_(Clock::now()),
      folder_(command.options),
      job_(read_job(command.spec, command.options)),
      data_(read_data(job_, place.n_threads)),
      header_(header_of(job_, data_,
                        find_thresholds(job_, data_, command.options, place, folder_.found_thresholds()),
                        command.options.shard)),
      work_{.samples = data_.dataset.samples,
            .methods = header_.spec.methods,
            .units = {},
            .model = data_.hashes.model,
            .device_type = job_.spec.device_type,
            .max_length = job_.spec.max_length,
            .save_token_nll = job_.spec.save_token_nll,
            .no_divergence = job_.spec.no_divergence,
            .numerics = folder_.numerics(),
            .mixed_hardware =
                command.options.allow_mixed_hardware ? MixedHardware::kAdmit : MixedHardware::kRefuse} {
  check_and_tell(header_);
  folder_.go_on_with(header_, work_.samples);
  {
    const StopDeferred until_it_is_whole;
    journal_ = folder_.open_journal(header_);
  }
  const auto deaths = folder_.deaths();
  if (!command.options.retry_failed) give_up_deadly_units(deaths);
  work_.units =
      plan_units(work_.samples, job_.spec, cost_model(job_.config, job_.spec.methods), folder_.known(),
                 command.options.retry_failed ? Quarantined::kRetry : Quarantined::kLeave, deaths);
  keep_shard(work_.units, header_.shard);
  if (const auto n_known = folder_.known().size(); n_known > 0)
    log_info(counted(static_cast<std::int64_t>(n_known), "unit") + " known from the journal, " +
             std::to_string(work_.units.size()) + " still to be evaluated");
  load_seconds_ = std::chrono::duration<double>(Clock::now() - loading_since_).count();
}

void Coordination::give_up_deadly_units(const std::map<UnitId, Deaths>& deaths) {
  if (deaths.empty()) return;
  for (const auto& [unit, of_unit] : deaths) {
    const auto instance = instance_name(header_.spec.methods[static_cast<std::size_t>(unit.method.value)]);
    const auto where = "sample " + std::to_string(unit.sample.value) + ", " + instance + ": ";
    if (is_deadly(of_unit)) {
      log_warning(where + "given up: " + reason_of(of_unit) + "; --retry_failed tries it again");
      Attempt last{UnitFailure{unit, reason_of(of_unit)}, instance, of_unit.n, kCoordinator, host_name(), ""};
      last.gives_up = true;
      journal_->append(last);
    } else if (runs_alone(of_unit)) {
      log_warning(where + reason_of(of_unit) + "; it is evaluated alone, behind the others");
    }
  }
  journal_->sync();
}

std::int64_t Coordination::longest_sample() const { return n_tokens_of_longest(work_.samples); }

Session Coordination::session(const Crew& crew) const {
  return {.started = started_,
          .host = host_name(),
          .kvcompare_version = kVersion,
          .libtorch_version = loaded_libtorch_version(),
          .compiler = KVCOMPARE_COMPILER,
          .commit = build_commit(),
          .command_line = command_.arguments,
          .n_processes = crew.n_processes,
          .n_workers = crew.n_workers,
          .device = crew.device,
          .n_threads = crew.n_threads,
          .load_seconds = load_seconds_};
}

void Coordination::evaluate(Messenger& messenger, const Crew& crew, const std::function<void()>& end) {
  only_note_stop();
  journal_->append(session(crew));
  Progress progress(std::cerr, progress_style(command_.options), std::ssize(work_.units));
  const CoordinatorHooks hooks{
      .progress = [&](std::int64_t n_done, const Outlook& outlook) { progress.update(n_done, outlook); },
      .stop_requested = [has_told = false]() mutable { return heeded_stop(has_told); },
      .begins = [&] { record_what_is_asked(); },
      .give_up =
          [&] {
            log_warning(told_to_give_up(command_.options));
            end();
          },
      .leave_loading =
          [&](const Evaluated& so_far) {
            journal_end(so_far);
            finish();  // says what has been done
            end();
          },
      .stop_grace = std::chrono::seconds(command_.options.stop_grace)};
  journal_end(coordinate(messenger, crew.n_workers, work_, *journal_, hooks));
}

void Coordination::record_what_is_asked() {
  folder_.record_growth(*journal_, header_);
  folder_.record_tokens(*journal_, header_, work_.samples);
}

void Coordination::journal_end(const Evaluated& evaluated) {
  journal_->append(SessionEnd{.finished = std::chrono::system_clock::now(),
                              .evaluate_seconds = evaluated.seconds,
                              .n_evaluated = evaluated.n_evaluated,
                              .interrupted = evaluated.interrupted});
  journal_->sync();
}

ExitCode Coordination::finish() {
  only_note_stop();        // reports must not be left half written
  record_what_is_asked();  // in case there was no unit to evaluate
  return publish(folder_.path(), command_.options.report_text ? Texts::kShow : Texts::kOmit);
}

}  // namespace kvcompare
