#include "common/usable_memory.h"

#include <gtest/gtest.h>

#include "tests/support/fake_machine.h"

namespace kvcompare {
namespace {

constexpr const char* kVersion1 = "36 31 0:31 / /sys/fs/cgroup/memory rw,nosuid - cgroup cgroup rw,memory\n";
constexpr const char* kMeminfo = "MemTotal:       16000 kB\nMemFree:  1 kB\nMemAvailable:    8000 kB\n";

TEST(MemoryLimit, IsAbsentWhereNoGroupHasOne) {
  EXPECT_FALSE(memory_limit(FakeMachine("", "").root()));
  FakeMachine machine("0::/user.slice\n", kCgroup2);
  machine.write("sys/fs/cgroup/user.slice/memory.max", "max\n");
  EXPECT_FALSE(memory_limit(machine.root()));
  FakeMachine old("4:memory:/docker/abc\n", kVersion1);
  old.write("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_FALSE(memory_limit(old.root()));
}

TEST(MemoryLimit, IsThatWhichLeavesLeastOnTheWayUp) {
  FakeMachine machine("0::/kubepods/c1\n", kCgroup2);
  machine.write("sys/fs/cgroup/kubepods/c1/memory.max", "5000\n");
  machine.write("sys/fs/cgroup/kubepods/c1/memory.current", "1000\n");
  machine.write("sys/fs/cgroup/kubepods/memory.max", "8000\n");
  machine.write("sys/fs/cgroup/kubepods/memory.current", "7000\n");
  machine.write("sys/fs/cgroup/kubepods/memory.stat", "anon 4000\ninactive_file 500\n");
  const auto limit = memory_limit(machine.root());
  ASSERT_TRUE(limit);
  EXPECT_EQ(limit->bytes, 8000);
  EXPECT_EQ(limit->used_bytes, 6500);
  EXPECT_EQ(limit->free_bytes(), 1500);
  EXPECT_EQ(limit->file, "memory.max");
  EXPECT_EQ(limit->group, machine.root() / "sys/fs/cgroup/kubepods");
  machine.write("sys/fs/cgroup/kubepods/c1/memory.high",
                "1200\n");  // above it the kernel slows the process down
  EXPECT_EQ(memory_limit(machine.root())->file, "memory.high");
  EXPECT_EQ(memory_limit(machine.root())->free_bytes(), 200);
}

TEST(MemoryLimit, OfVersion1IsReadToo) {
  FakeMachine machine("5:cpu:/x\n4:memory:/docker/abc\n", kVersion1);
  machine.write("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "4096000\n");
  machine.write("sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes", "2000000\n");
  machine.write("sys/fs/cgroup/memory/docker/abc/memory.stat",
                "inactive_file 1\ntotal_inactive_file 1000000\n");
  const auto limit = memory_limit(machine.root());
  ASSERT_TRUE(limit);
  EXPECT_EQ(limit->file, "memory.limit_in_bytes");
  EXPECT_EQ(limit->free_bytes(), 3096000);
}

TEST(MemoryLimit, ThatIsUsedUpLeavesNothing) {
  FakeMachine machine("0::/\n", kCgroup2);
  machine.write("sys/fs/cgroup/memory.max", "100\n");
  machine.write("sys/fs/cgroup/memory.current", "200\n");
  EXPECT_EQ(memory_limit(machine.root())->free_bytes(), 0);
}

TEST(UsableMemory, IsTheLesserOfTheMachinesAndTheGroups) {
  FakeMachine machine("0::/\n", kCgroup2);
  machine.write("proc/meminfo", kMeminfo);
  EXPECT_EQ(machine_memory(machine.root()).total_bytes, 16000 * 1024);
  EXPECT_EQ(usable_memory(machine.root()).bytes, 8000 * 1024);
  EXPECT_EQ(usable_memory(machine.root()).from, "available");
  machine.write("sys/fs/cgroup/memory.max", "9000000\n");
  EXPECT_EQ(usable_memory(machine.root()).from, "available");
  machine.write("sys/fs/cgroup/memory.max", "8000000\n");
  EXPECT_EQ(usable_memory(machine.root()).bytes, 8000000);
  EXPECT_EQ(usable_memory(machine.root()).from, "cgroup memory.max");
}

}  // namespace
}  // namespace kvcompare
