#include "coordinator/prompt_collection.h"

#include <chrono>
#include <functional>
#include <map>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/errors.h"
#include "common/messages/in_process_messenger.h"
#include "tests/support/error_of.h"

namespace kvcompare {
namespace {

using namespace std::chrono_literals;

// Answers each prompt with "table of N"; notes how many it was given at once.
struct FakeWorker {
  std::int64_t n_tokens_at_once = 0;
  std::string model = "0123";
  std::string device = "cpu";
  std::vector<std::size_t> assigned{};

  void work(Messenger& messenger) {
    messenger.send(kCoordinator, Hello{"here", device, n_tokens_at_once, model});
    for (;;) {
      const auto envelope = messenger.receive(60s);
      if (!envelope || std::holds_alternative<Stop>(envelope->message)) break;
      const auto& prompts = std::get<AssignPrompts>(envelope->message).prompts;
      assigned.push_back(prompts.size());
      for (const auto& prompt : prompts)
        messenger.send(kCoordinator,
                       PromptTargets{prompt.sample, "table of " + std::to_string(prompt.sample.value)});
    }
    messenger.send(kCoordinator, Goodbye{});
  }
};

std::vector<RepeatedPrompt> prompts(std::int64_t n) {
  std::vector<RepeatedPrompt> result;
  for (std::int64_t i = 0; i < n; ++i)
    result.push_back(
        {.sample = SampleIndex(i), .ids = {1, 2}, .n_context = 10, .repeat_begin = 1, .positions = {0}});
  return result;
}

class PromptCollectionTest : public testing::Test {
 protected:
  bool collect(std::vector<FakeWorker>& workers, std::int64_t n_prompts, int stop_after = 1 << 20) {
    InProcessExchange exchange(static_cast<int>(workers.size()) + 1);
    std::vector<std::jthread> threads;
    for (std::size_t w = 0; w < workers.size(); ++w)
      threads.emplace_back([&exchange, &worker = workers[w], w] {
        const auto messenger = exchange.endpoint(Rank(static_cast<std::int64_t>(w) + 1));
        try {
          worker.work(*messenger);
        } catch (const std::exception&) {  // the coordinator is no more
        }
      });
    const auto messenger = exchange.endpoint(kCoordinator);
    PromptCollection collection(*messenger, static_cast<int>(workers.size()), {"0123", "cpu"});
    try {
      const bool has_all = collection.collect(
          prompts(n_prompts), {.keep =
                                   [&](const PromptTargets& targets) {
                                     EXPECT_TRUE(kept_.emplace(targets.sample, targets.table).second);
                                   },
                               .progress = [](auto, auto) {},
                               .stop_requested = [&] { return std::ssize(kept_) >= stop_after; }});
      collection.dismiss();
      return has_all;
    } catch (...) {
      exchange.abort(std::current_exception());
      throw;
    }
  }

  std::map<SampleIndex, std::string> kept_;
};

TEST_F(PromptCollectionTest, KeepsTheTargetsOfEveryPromptOnce) {
  std::vector<FakeWorker> workers(3);
  EXPECT_TRUE(collect(workers, 20));
  EXPECT_EQ(kept_.size(), 20u);
  EXPECT_EQ(kept_[SampleIndex(13)], "table of 13");
}

TEST_F(PromptCollectionTest, GivesAWorkerAsManyTokensAsItWants) {
  std::vector<FakeWorker> workers(1);
  workers[0].n_tokens_at_once = 35;
  EXPECT_TRUE(collect(workers, 8));
  EXPECT_THAT(workers[0].assigned, testing::ElementsAre(3, 3, 2));
}

TEST_F(PromptCollectionTest, StopsWithNothingLost) {
  std::vector<FakeWorker> workers(2);
  EXPECT_FALSE(collect(workers, 50, 4));
  EXPECT_GE(kept_.size(), 4u);
  EXPECT_LT(kept_.size(), 50u);
  std::size_t n_assigned = 0;
  for (const auto& worker : workers) n_assigned += worker.assigned.size();  // a prompt each
  EXPECT_EQ(kept_.size(), n_assigned);
}

TEST_F(PromptCollectionTest, RefusesAWorkerWithAnotherModel) {
  std::vector<FakeWorker> workers(1);
  workers[0].model = "4567";
  const auto error = error_of<CheckpointError>([&] { collect(workers, 2); });
  EXPECT_THAT(error.what(), testing::HasSubstr("has read another model (SHA-256 4567)"));
}

TEST_F(PromptCollectionTest, RefusesAWorkerOnADeviceOfAnotherType) {
  std::vector<FakeWorker> workers(1);
  workers[0].device = "cuda:0";
  const auto error = error_of<ConfigError>([&] { collect(workers, 2); });
  EXPECT_THAT(error.what(), testing::HasSubstr("computes on cuda:0, the run on cpu"));
}

TEST_F(PromptCollectionTest, KnowsWhetherAWorkerIsStillLoading) {
  InProcessExchange exchange(3);
  const auto messenger = exchange.endpoint(kCoordinator);
  PromptCollection collection(*messenger, 2, {"0123", "cpu"});
  for (const int rank : {1, 2}) {
    EXPECT_FALSE(collection.all_are_ready());
    exchange.endpoint(Rank(rank))->send(kCoordinator, Hello{"here", "cpu", 1, "0123"});
    collection.idle(60s);
  }
  EXPECT_TRUE(collection.all_are_ready());
}

TEST_F(PromptCollectionTest, EndsWithTheErrorOfAWorker) {
  InProcessExchange exchange(2);
  const auto worker = exchange.endpoint(Rank(1)), messenger = exchange.endpoint(kCoordinator);
  worker->send(kCoordinator, WorkerFailed{ExitCode::kBadInput, "rank 1: no such file"});
  PromptCollection collection(*messenger, 1, {"0123", "cpu"});
  const auto error = error_of<Error>([&] {
    collection.collect(
        prompts(1),
        {.keep = [](const auto&) {}, .progress = [](auto, auto) {}, .stop_requested = [] { return false; }});
  });
  EXPECT_EQ(error.exit_code(), ExitCode::kBadInput);
  EXPECT_STREQ(error.what(), "rank 1: no such file");
}

}  // namespace
}  // namespace kvcompare
