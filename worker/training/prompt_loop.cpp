#include "worker/training/prompt_loop.h"

#include <chrono>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/errors.h"
#include "common/files/fault_point.h"
#include "worker/checkpoint/watched_mapping.h"
#include "worker/devices/tile_team.h"
#include "worker/training/kvzip_targets.h"
#include "worker/training/target_table.h"

namespace kvcompare {
namespace {

constexpr std::chrono::milliseconds kWaitForTask{1000};

// Returns the table of each prompt, in the order of the prompts.
std::vector<std::string> tables_of(const Model& model, const std::vector<RepeatedPrompt>& prompts,
                                   TileTeam& team) {
  std::vector<std::string> tables(prompts.size());
  team.for_each(prompts.size(), [&](std::size_t /*thread*/, std::size_t i) {
    tables[i] = target_table(kvzip_targets(model, prompts[i]));
  });
  return tables;
}

}  // namespace

void run_prompt_worker(Messenger& messenger, const Model& model, Hello hello, std::int64_t longest_context,
                       int n_threads) {
  TileTeam team(n_threads);
  hello.n_tokens_at_once = n_threads * longest_context;
  messenger.send(kCoordinator, std::move(hello));
  for (;;) {
    auto envelope = messenger.receive(kWaitForTask);
    if (!envelope) continue;
    if (std::holds_alternative<Stop>(envelope->message)) break;
    const auto* assign = std::get_if<AssignPrompts>(&envelope->message);
    require(assign != nullptr, "a worker that collects targets was sent another task");
    auto tables = tables_of(model, assign->prompts, team);
    check_mapped_files_unchanged();
    for (std::size_t i = 0; i < tables.size(); ++i) {
      fault_point("worker_before_send");
      messenger.send(kCoordinator, PromptTargets{assign->prompts[i].sample, std::move(tables[i])});
    }
  }
  messenger.send(kCoordinator, Goodbye{});
}

}  // namespace kvcompare
