#include "common/usable_cores.h"

#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "common/cgroup.h"
#include "tests/support/fake_machine.h"

namespace kvcompare {
namespace {

constexpr const char* kCpuGroup =
    "24 1 0:22 / /proc rw - proc proc rw\n"
    "33 31 0:28 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct\n";

std::optional<CpuQuota> quota_of(const FakeMachine& machine) { return cpu_quota(machine.root()); }

TEST(CpuQuota, IsAbsentWhereNoGroupHasOne) {
  EXPECT_FALSE(quota_of(FakeMachine("", "")));
  FakeMachine machine("0::/user.slice\n", kCgroup2);
  machine.write("sys/fs/cgroup/user.slice/cpu.max", "max 100000\n");
  EXPECT_FALSE(quota_of(machine));
  FakeMachine old("5:cpu,cpuacct:/docker/abc\n", kCpuGroup);
  old.write("sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us", "-1\n");
  old.write("sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_period_us", "100000\n");
  EXPECT_FALSE(quota_of(old));
}

TEST(CpuQuota, IsTheLeastOnTheWayUp) {
  FakeMachine machine("0::/kubepods/pod7/c1\n", kCgroup2);
  machine.write("sys/fs/cgroup/kubepods/pod7/c1/cpu.max", "max 100000\n");
  machine.write("sys/fs/cgroup/kubepods/pod7/cpu.max", "150000 100000\n");
  machine.write("sys/fs/cgroup/kubepods/cpu.max", "3200000 100000\n");
  const auto quota = quota_of(machine);
  ASSERT_TRUE(quota);
  EXPECT_DOUBLE_EQ(quota->cores, 1.5);
  EXPECT_EQ(quota->file, "cpu.max");
  EXPECT_EQ(quota->group, machine.root() / "sys/fs/cgroup/kubepods/pod7");
}

TEST(CpuQuota, OfVersion1IsReadToo) {
  FakeMachine machine("9:memory:/x\n5:cpu,cpuacct:/docker/abc\n", kCpuGroup);
  machine.write("sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us", "250000\n");
  machine.write("sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_period_us", "50000\n");
  const auto quota = quota_of(machine);
  ASSERT_TRUE(quota);
  EXPECT_DOUBLE_EQ(quota->cores, 5);
  EXPECT_EQ(quota->file, "cpu.cfs_quota_us");
}

// Docker with version 1: the group has its name on the host, and is the root of what the container sees.
TEST(CpuQuota, OfAContainerThatSeesItsOwnGroupAsTheRoot) {
  FakeMachine machine(
      "5:cpu,cpuacct:/docker/abc\n",
      "33 31 0:28 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n");
  machine.write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "200000\n");
  machine.write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  ASSERT_TRUE(quota_of(machine));
  EXPECT_DOUBLE_EQ(quota_of(machine)->cores, 2);
}

TEST(Cgroups, OfAProcessAreThoseUpToTheMount) {
  FakeMachine machine("0::/a/b\n", kCgroup2);
  machine.write("sys/fs/cgroup/a/b/pids.max", "7\n");
  const auto mount = machine.root() / "sys/fs/cgroup";
  EXPECT_THAT(cgroups_of_this_process("pids", machine.root()),
              testing::ElementsAre(mount / "a/b", mount / "a", mount));
}

TEST(NThreadsFor, RoundsAPartOfACoreUp) {
  EXPECT_EQ(n_threads_for(0.1), 1);
  EXPECT_EQ(n_threads_for(1.5), 2);
  EXPECT_EQ(n_threads_for(2), 2);
}

class UsableCoresTest : public testing::Test {
 protected:
  UsableCoresTest() { ::unsetenv("OMP_NUM_THREADS"); }
  ~UsableCoresTest() override { ::unsetenv("OMP_NUM_THREADS"); }
};

TEST_F(UsableCoresTest, AreThoseOfTheAffinityWhereThereIsNoQuota) {
  const auto cores = usable_cores(FakeMachine("", "").root());
  EXPECT_EQ(cores.from, "affinity");
  EXPECT_EQ(cores.n, n_cores_in(cores_by_affinity()));
  EXPECT_GE(cores.n, 1);
  EXPECT_LE(cores.n, ::sysconf(_SC_NPROCESSORS_CONF));
}

TEST_F(UsableCoresTest, AreAsFewAsAQuotaSays) {
  FakeMachine machine("0::/\n", kCgroup2);
  machine.write("sys/fs/cgroup/cpu.max", "400000000 100000\n");
  EXPECT_EQ(usable_cores(machine.root()).from, "affinity");
  machine.write("sys/fs/cgroup/cpu.max", "30000 100000\n");
  const auto cores = usable_cores(machine.root());
  EXPECT_EQ(cores.n, 1);
  if (n_cores_in(cores_by_affinity()) > 1) {
    EXPECT_EQ(cores.from, "cgroup cpu.max");
  }
}

TEST_F(UsableCoresTest, AreWhatOpenMpIsTold) {
  ::setenv("OMP_NUM_THREADS", "5,2", 1);
  EXPECT_EQ(usable_cores().n, 5);
  EXPECT_EQ(usable_cores().from, "OMP_NUM_THREADS");
  for (const char* none : {"", "0", "-3", "many"}) {
    ::setenv("OMP_NUM_THREADS", none, 1);
    EXPECT_EQ(omp_num_threads(), std::nullopt) << none;
  }
}

CoreMask mask_of(std::size_t first, std::size_t n) {
  CoreMask mask(64);  // 4096 cores: more than a cpu_set_t holds
  for (auto core = first; core < first + n; ++core) mask[core / 64] |= std::uint64_t{1} << (core % 64);
  return mask;
}

TEST(FairShare, DividesTheCoresThatSeveralMayUseWhateverTheirNumber) {
  const auto all = mask_of(0, 4096), low = mask_of(0, 1024), high = mask_of(3000, 96);
  EXPECT_EQ(n_cores_in(all), 4096);
  EXPECT_EQ(fair_share(all, {all, all, all, all}), 1024);
  EXPECT_EQ(fair_share(high, {low, high}), 96);
  EXPECT_EQ(fair_share(high, {all, high}), 48);
  EXPECT_EQ(fair_share(mask_of(2000, 1), {mask_of(2000, 1), all, all}), 1);
}

}  // namespace
}  // namespace kvcompare
