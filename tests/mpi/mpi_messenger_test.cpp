// The contract of Messenger between MPI processes, and what MPI alone has. Started by mpirun with
// kContractRanks ranks; each prints its failures, and the exit code is that of the worst.
#include "common/messages/mpi_messenger.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <mpi.h>

#include "common/messages/mpi_check.h"
#include "tests/mpi/messenger_contract.h"

namespace {

std::atomic<int> longest_piece = 0;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)

}  // namespace

// MPI's own way to look at what goes over the wire: its functions may be defined again, over PMPI_.
extern "C" int MPI_Isend(const void* buffer, int count, MPI_Datatype type, int to, int tag, MPI_Comm comm,
                         MPI_Request* request) {
  int size = 0;
  PMPI_Type_size(type, &size);
  longest_piece = std::max(longest_piece.load(), count * size);
  return PMPI_Isend(buffer, count, type, to, tag, comm, request);
}

namespace kvcompare {
namespace {

using namespace std::chrono_literals;

MpiEnvironment& environment() {
  static MpiEnvironment* const the_one = new MpiEnvironment;  // finalised in main
  return *the_one;
}

Rank this_rank() { return Rank(environment().rank()); }

class MpiContract : public testing::TestWithParam<std::size_t> {};

TEST_P(MpiContract, Holds) {
  MpiMessenger messenger(environment());
  Conversation talk(messenger, this_rank());
  kContracts[GetParam()](talk);
  EXPECT_TRUE(messenger.flush(10s));
}

INSTANTIATE_TEST_SUITE_P(Each, MpiContract, testing::Range(std::size_t{0}, std::size(kContracts)));

TEST(MpiMessenger, SendsNoPieceLongerThan64MiB) {
  MpiMessenger messenger(environment());
  longest_piece = 0;
  Conversation talk(messenger, this_rank());
  carries_messages_of_any_length(talk);
  EXPECT_LE(longest_piece, 64 << 20);
  if (this_rank() == kCoordinator) {
    EXPECT_GE(longest_piece, 1 << 20);
  }
  EXPECT_TRUE(messenger.flush(10s));
}

// Rank 2 says nothing, rank 1 nothing but that it is alive.
TEST(MpiMessenger, NoticesARankThatSaysNothingAndNotOneThatIsSlow) {
  MpiMessenger messenger(environment(), {.interval = 20ms, .silence = 1s, .first_silence = 1s});
  Conversation talk(messenger, this_rank());
  talk.meet();
  if (this_rank() == kCoordinator) {
    try {
      while (!messenger.receive(10ms)) continue;
      ADD_FAILURE() << "a message from nowhere";
    } catch (const RankSilent& error) {
      EXPECT_EQ(error.rank, Rank(2));
      EXPECT_EQ(error.exit_code(), ExitCode::kInterrupted);
      EXPECT_THAT(error.what(), testing::HasSubstr("--resume"));
    }
    messenger.release(Rank(2));
    for (int r = 1; r < kContractRanks; ++r) messenger.send(Rank(r), Stop{});
    EXPECT_TRUE(messenger.flush(10s));
  } else if (this_rank() == Rank(1)) {
    EXPECT_TRUE(std::holds_alternative<Stop>(talk.next().message));
  } else {
    // Outside receive() no heartbeat is sent. The message ends the silence from the other side.
    MPI_Status status;
    mpi_check(MPI_Probe(0, MPI_ANY_TAG, MPI_COMM_WORLD, &status), "MPI_Probe");
    int nothing = 0;
    mpi_check(MPI_Recv(&nothing, 1, MPI_INT, 0, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE), "MPI_Recv");
  }
  if (this_rank() == kCoordinator) {
    const int over = 1;
    mpi_check(MPI_Send(&over, 1, MPI_INT, 2, 0, MPI_COMM_WORLD), "MPI_Send");
  }
}

TEST(MpiEnvironment, GathersTheTextOfEveryRankInOrder) {
  const auto texts =
      environment().gather("rank " + std::string(static_cast<std::size_t>(this_rank().value), '*'));
  if (this_rank() == kCoordinator)
    EXPECT_THAT(texts, testing::ElementsAre("rank ", "rank *", "rank **"));
  else
    EXPECT_TRUE(texts.empty());
}

TEST(MpiEnvironment, GathersTheTextOfEveryRankForEveryRank) {
  const auto texts = environment().all_gather(std::string(static_cast<std::size_t>(this_rank().value), '*'));
  EXPECT_THAT(texts, testing::ElementsAre("", "*", "**"));
}

TEST(MpiEnvironment, BroadcastsFromAnyRank) {
  for (int root = 0; root < kContractRanks; ++root) {
    std::array<std::byte, 128> bytes{};
    bytes[127] = static_cast<std::byte>(10 + this_rank().value);
    environment().broadcast(bytes, root);
    EXPECT_EQ(bytes[127], static_cast<std::byte>(10 + root));
  }
}

TEST(MpiEnvironment, NumbersTheRanksOfAHostThatCompute) {
  const auto place = environment().place_on_host(this_rank() != kCoordinator);
  if (this_rank() == kCoordinator) {
    EXPECT_EQ(place.n_ranks, 0);
    return;
  }
  EXPECT_EQ(place.n_ranks, kContractRanks - 1);
  EXPECT_EQ(place.index, this_rank().value - 1);
  EXPECT_GE(place.n_cores, 1);
}

TEST(NLaunchedProcesses, IsWhatMpirunSays) { EXPECT_EQ(n_launched_processes(), kContractRanks); }

}  // namespace

int run_tests(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  int failed = environment().size() == kContractRanks ? RUN_ALL_TESTS() : 1, worst = 1;
  mpi_check(MPI_Allreduce(&failed, &worst, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD), "MPI_Allreduce");
  environment().finalize();
  return worst;
}

}  // namespace kvcompare

int main(int argc, char** argv) { return kvcompare::run_tests(argc, argv); }
