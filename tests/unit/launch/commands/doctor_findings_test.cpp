#include "launch/commands/doctor_findings.h"

#include <gtest/gtest.h>

namespace kvcompare {
namespace {

std::vector<Finding> rank(const std::string& cores, Health folder = Health::kGood) {
  return {{"processor", Health::kGood, cores + " cores", ""},
          {"NCCL", Health::kAbsent, "none", "pip install it"},
          {"output folder", folder, "/out", ""}};
}

TEST(DoctorTable, SaysOnceWhatAllRanksAgreeOnAndWhoDiffers) {
  EXPECT_EQ(doctor_table({rank("4"), rank("8"), rank("4"), rank("4"), rank("2")}),
            "ok     processor        rank 0,2-3: 4 cores\n"
            "ok     processor        rank 1: 8 cores\n"
            "ok     processor        rank 4: 2 cores\n"
            "absent NCCL             none\n"
            "                        -> pip install it\n"
            "ok     output folder    /out\n"
            "The main job can run here.\n");
}

TEST(DoctorTable, SaysThatSomethingIsWrong) {
  EXPECT_EQ(doctor_table({rank("4"), rank("4", Health::kBad)}),
            "ok     processor        4 cores\n"
            "absent NCCL             none\n"
            "                        -> pip install it\n"
            "ok     output folder    rank 0: /out\n"
            "BAD    output folder    rank 1: /out\n"
            "Something is wrong, see BAD above.\n");
}

TEST(DoctorTable, ShowsGpusOfHostsThatHaveMoreOfThem) {
  const auto on_host = [](int n_gpus) {
    std::vector<Finding> findings{{"CUDA driver", Health::kGood, "CUDA up to 13.0", ""}};
    for (int g = 0; g < n_gpus; ++g)
      findings.push_back({"GPU " + std::to_string(g), Health::kGood, "NVIDIA H100", ""});
    findings.push_back({"output folder", Health::kGood, "/out", ""});
    return findings;
  };
  EXPECT_EQ(doctor_table({on_host(0), on_host(2), on_host(1)}),
            "ok     CUDA driver      CUDA up to 13.0\n"
            "ok     GPU 0            rank 1-2: NVIDIA H100\n"
            "ok     GPU 1            rank 1: NVIDIA H100\n"
            "ok     output folder    /out\n"
            "The main job can run here.\n");
}

TEST(DoctorFindings, TravelAsText) {
  const std::vector<Finding> findings{{"a", Health::kBad, "some text,\nof two lines", ""},
                                      {"b", Health::kGood, "", "do this"}};
  const auto back = findings_of(text_of(findings));
  ASSERT_EQ(back.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(back[i].subject, findings[i].subject);
    EXPECT_EQ(back[i].health, findings[i].health);
    EXPECT_EQ(back[i].text, findings[i].text);
    EXPECT_EQ(back[i].remedy, findings[i].remedy);
  }
}

}  // namespace
}  // namespace kvcompare
