#include "launch/commands/doctor_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_machine.h"

namespace kvcompare::doctor {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

TEST(DoctorLimits, TellQuotaAndMemoryOfAControlGroup) {
  FakeMachine machine("0::/job7\n", kCgroup2);
  EXPECT_THAT(cpu_limits(machine.root()).text, EndsWith("; no quota of a cgroup"));
  EXPECT_EQ(memory(machine.root()).text, "0.0 GB, 0.0 GB of them available; no limit of a cgroup");
  machine.write("proc/meminfo", "MemTotal: 16000000 kB\nMemAvailable: 8000000 kB\n");
  machine.write("sys/fs/cgroup/job7/cpu.max", "150000 100000\n");
  machine.write("sys/fs/cgroup/job7/memory.max", "4000000000\n");
  machine.write("sys/fs/cgroup/job7/memory.current", "1500000000\n");
  const auto group = (machine.root() / "sys/fs/cgroup/job7").string();
  EXPECT_THAT(cpu_limits(machine.root()).text,
              EndsWith("; cgroup cpu.max: CPU time of 1.50 cores, in " + group));
  EXPECT_EQ(memory(machine.root()).text,
            "16.4 GB, 8.2 GB of them available; cgroup memory.max: 4.0 GB, 2.5 GB of them free, in " + group);
  EXPECT_THAT(
      defaults({3, "affinity"}, machine.root()).text,
      testing::AllOf(HasSubstr("--threads 3: affinity;"), EndsWith("2.5 GB can be used: cgroup memory.max")));
}

TEST(DoctorLimits, TellHugePages) {
  FakeMachine machine("", "");
  EXPECT_EQ(huge_pages(machine.root()).text, "transparent: the system does not say");
  machine.write("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
  machine.write("sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", "0\n");
  machine.write("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "12\n");
  machine.write("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "5\n");
  EXPECT_EQ(huge_pages(machine.root()).text,
            "transparent: madvise; reserved: 12 of 2048 KiB, 5 of them free");
}

TEST(DoctorLimits, TellNumaNodesInTheirOrder) {
  FakeMachine machine("", "");
  EXPECT_EQ(numa_nodes(machine.root()).text, "the system does not say");
  for (const std::string number : {"10", "2"}) {
    machine.write("sys/devices/system/node/node" + number + "/cpulist", number + "-1" + number + "\n");
    machine.write("sys/devices/system/node/node" + number + "/meminfo",
                  "Node " + number + " MemTotal:       2000000 kB\n");
  }
  EXPECT_EQ(numa_nodes(machine.root()).text, "2 nodes: 2: cores 2-12, 2.0 GB; 10: cores 10-110, 2.0 GB");
}

TEST(DoctorLimits, TellWhatUlimitSetsAndWhatIsTooLittle) {
  const auto none = limits({});
  EXPECT_EQ(
      none.text,
      "open files (-n) unlimited, processes (-u) unlimited, file size (-f) unlimited, address space (-v) "
      "unlimited, locked memory (-l) unlimited, stack (-s) unlimited");
  EXPECT_EQ(none.remedy, "");
  ResourceLimits few;
  few.n_files = 64;
  few.file_bytes = 2'500'000;
  EXPECT_THAT(limits(few).text,
              HasSubstr("open files (-n) 64, processes (-u) unlimited, file size (-f) 2.5 MB"));
  EXPECT_THAT(limits(few).remedy,
              testing::AllOf(HasSubstr("ulimit -f unlimited"), HasSubstr("ulimit -n 1024")));
}

}  // namespace
}  // namespace kvcompare::doctor
