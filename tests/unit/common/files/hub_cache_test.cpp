#include "common/files/hub_cache.h"

#include <array>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/errors.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace kvcompare {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::array<const char*, 5> kVariables{"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME",
                                                "XDG_CACHE_HOME", "HOME"};

// All variables that the cache's place depends on are unset at the start of each test and restored after it.
class HubCache : public ::testing::Test {
 protected:
  HubCache() {
    for (const char* name : kVariables) {
      if (const char* value = std::getenv(name)) saved_[name] = value;
      ::unsetenv(name);
    }
  }
  ~HubCache() override {
    for (const char* name : kVariables)
      if (saved_.contains(name))
        ::setenv(name, saved_[name].c_str(), 1);
      else
        ::unsetenv(name);
  }
  void set(const char* name, const std::filesystem::path& value) const { ::setenv(name, value.c_str(), 1); }

  // A model org/name in the cache folder `hub` (below the test's folder); returns its snapshot.
  std::filesystem::path cache_model(const std::string& hub, const std::string& commit) const {
    const std::string model = hub + "/models--org--name/";
    folder_.write(model + "snapshots/" + commit + "/model.safetensors", "");
    return folder_.write(model + "snapshots/" + commit + "/config.json", "{}").parent_path();
  }
  void set_main(const std::string& hub, const std::string& text) const {
    folder_.write(hub + "/models--org--name/refs/main", text);
  }
  std::string message_of(const std::string& name) const {
    const auto error = error_of<ConfigError>([&] { resolve_model("model_name", name); });
    EXPECT_EQ(error.key, "model_name");
    return error.what();
  }

  TemporaryFolder folder_;
  std::map<std::string, std::string> saved_;
};

TEST_F(HubCache, IsNotAskedAboutAFolder) {
  const auto model = folder_.write("model/config.json", "{}").parent_path();
  EXPECT_EQ(resolve_model("model_name", model.string()), model);
}

TEST_F(HubCache, IsFoundThroughEveryVariableInOrder) {
  const auto home = cache_model("home/.cache/huggingface/hub", "c0");
  const auto xdg = cache_model("xdg/huggingface/hub", "c1");
  const auto hf_home = cache_model("hf/hub", "c2");
  const auto old_cache = cache_model("old", "c3");
  const auto cache = cache_model("new", "c4");
  set("HOME", folder_.path() / "home");
  EXPECT_EQ(resolve_model("model_name", "org/name"), home);
  set("XDG_CACHE_HOME", folder_.path() / "xdg");
  EXPECT_EQ(resolve_model("model_name", "org/name"), xdg);
  set("HF_HOME", "~/../hf");
  EXPECT_TRUE(std::filesystem::equivalent(resolve_model("model_name", "org/name"), hf_home));
  set("HUGGINGFACE_HUB_CACHE", folder_.path() / "old");
  EXPECT_EQ(resolve_model("model_name", "org/name"), old_cache);
  set("HF_HUB_CACHE", "");
  EXPECT_EQ(resolve_model("model_name", "org/name"), old_cache);
  set("HF_HUB_CACHE", folder_.path() / "new");
  EXPECT_EQ(resolve_model("model_name", "org/name"), cache);
}

TEST_F(HubCache, FollowsTheBranchMain) {
  set("HF_HUB_CACHE", folder_.path() / "hub");
  cache_model("hub", "aaa");
  const auto wanted = cache_model("hub", "bbb");
  set_main("hub", "bbb\n");
  EXPECT_EQ(resolve_model("model_name", "org/name"), wanted);
  set_main("hub", "ccc");
  EXPECT_THAT(message_of("org/name"), HasSubstr("ccc, which is not there"));
  set_main("hub", "../../../etc");
  EXPECT_THAT(message_of("org/name"), HasSubstr("not complete"));
}

TEST_F(HubCache, FollowsTheRevisionBehindTheId) {
  set("HF_HUB_CACHE", folder_.path() / "hub");
  const std::string commit = "0123456789abcdef0123456789abcdef01234567";
  const auto main = cache_model("hub", "aaa"), tagged = cache_model("hub", "bbb"),
             of_commit = cache_model("hub", commit);
  set_main("hub", "aaa");
  folder_.write("hub/models--org--name/refs/v1.0", "bbb");
  folder_.write("hub/models--org--name/refs/pr/7", "bbb");
  EXPECT_EQ(resolve_model("model_name", "org/name"), main);
  EXPECT_EQ(resolve_model("model_name", "org/name@v1.0"), tagged);
  EXPECT_EQ(resolve_model("model_name", "org/name@pr/7"), tagged);
  EXPECT_EQ(resolve_model("model_name", "org/name@" + commit), of_commit);
}

TEST_F(HubCache, NamesARevisionThatIsNotThere) {
  set("HF_HUB_CACHE", folder_.path() / "hub");
  const auto main = cache_model("hub", "aaa");
  set_main("hub", "aaa");
  folder_.write("hub/models--org--name/refs/pr/7", "aaa");
  for (const std::string revision : {"v2", "pr", "0123"}) {
    const auto message = message_of("org/name@" + revision);
    EXPECT_THAT(message, HasSubstr("not its revision '" + revision + "'"));
    EXPECT_THAT(message, HasSubstr("hf download org/name --revision " + revision + "\n"));
  }
  const auto of_commit = message_of("org/name@" + std::string(40, 'a'));
  EXPECT_THAT(of_commit, HasSubstr("not its commit"));
  EXPECT_THAT(of_commit, HasSubstr(main.string()));
  for (const std::string revision : {"", "../main", "/etc", "a b", "a//b"})
    EXPECT_THAT(message_of("org/name@" + revision), HasSubstr("is no revision"));
}

TEST_F(HubCache, UsesTheOnlySnapshotButDoesNotChooseAmongSeveral) {
  set("HF_HUB_CACHE", folder_.path() / "hub");
  const auto only = cache_model("hub", "aaa");
  EXPECT_EQ(resolve_model("model_name", "org/name"), only);
  const auto other = cache_model("hub", "bbb");
  const std::string message = message_of("org/name");
  EXPECT_THAT(message, HasSubstr(only.string()));
  EXPECT_THAT(message, HasSubstr(other.string()));
}

TEST_F(HubCache, NamesTheDownloadCommandAndThePlaceThatWasLookedAt) {
  set("HF_HUB_CACHE", folder_.path() / "hub");
  const std::string message = message_of("meta-llama/Llama-3.1-8B");
  EXPECT_THAT(message, HasSubstr("hf download meta-llama/Llama-3.1-8B\n"));
  EXPECT_THAT(message, HasSubstr((folder_.path() / "hub/models--meta-llama--Llama-3.1-8B").string()));
}

TEST_F(HubCache, RefusesASnapshotThatIsNotComplete) {
  set("HF_HUB_CACHE", folder_.path() / "hub");
  const auto snapshot = cache_model("hub", "aaa");
  std::filesystem::remove(snapshot / "model.safetensors");
  EXPECT_THAT(message_of("org/name"), HasSubstr("holds no weights"));
  std::filesystem::create_symlink("../../blobs/gone", snapshot / "model.safetensors");
  EXPECT_THAT(message_of("org/name"), HasSubstr("holds no weights"));
  std::filesystem::remove(snapshot / "config.json");
  EXPECT_THAT(message_of("org/name"), HasSubstr("holds no config.json"));
}

TEST_F(HubCache, NamesTheSnapshotsOfACacheFolder) {
  const auto first = cache_model("hub", "aaa");
  const auto second = cache_model("hub", "bbb");
  const auto model = folder_.path() / "hub/models--org--name";
  for (const auto& given : {model, model / "snapshots", model / ""}) {
    const std::string message = message_of(given.string());
    EXPECT_THAT(message, AllOf(HasSubstr("snapshots"), HasSubstr(first.string()), HasSubstr(second.string())))
        << given;
  }
}

TEST_F(HubCache, TellsAnAdapterToBeMerged) {
  const auto adapter = folder_.write("lora/adapter_config.json", "{}").parent_path();
  EXPECT_THAT(message_of(adapter.string()), HasSubstr("merge_and_unload"));
}

TEST_F(HubCache, SaysWhatANameCouldBeIfItIsNone) {
  const std::string file = folder_.write("file", "").string();
  EXPECT_THAT(message_of(file), HasSubstr("is a file"));
  for (const char* name :
       {"/no/such/folder", "./none", "a/b/c", "../../x", "org/..", "", "a b", "org--x/name"})
    EXPECT_THAT(message_of(name), AllOf(HasSubstr("no folder"), Not(HasSubstr("hf download")))) << name;
  EXPECT_THAT(message_of(std::string(5000, 'x')), HasSubstr("hf download"));  // too long for any file system
  std::filesystem::create_directory(folder_.path() / "empty");
  EXPECT_THAT(message_of((folder_.path() / "empty").string()), HasSubstr("holds no config.json"));
}

TEST_F(HubCache, AnswersAnAddressWithTheIdInIt) {
  for (const char* address :
       {"https://huggingface.co/org/name", "https://huggingface.co/org/name/", "hf.co/org/name",
        "https://huggingface.co/org/name/tree/main", "http://www.huggingface.co/org/name?library=x"})
    EXPECT_THAT(message_of(address), ::testing::EndsWith("give the id in it: org/name")) << address;
  for (const char* other :
       {"https://huggingface.co/org", "https://example.org/org/name", "https://huggingface.co/org//"})
    EXPECT_THAT(message_of(other), ::testing::Not(HasSubstr("give the id in it"))) << other;
}

TEST_F(HubCache, ExpandsVariablesInItsPlace) {
  const auto snapshot = cache_model("home/cache/hub", "c0ffee");
  set_main("home/cache/hub", "c0ffee");
  set("HOME", folder_.path() / "home");
  set("HF_HOME", "$HOME/cache");
  EXPECT_EQ(resolve_model("model_name", "org/name"), snapshot);
  ::unsetenv("KVCOMPARE_TEST_UNSET");
  set("HF_HOME", "$KVCOMPARE_TEST_UNSET/cache");
  const auto error = error_of<ConfigError>([] { resolve_model("model_name", "org/name"); });
  EXPECT_EQ(error.key, "HF_HOME");
  EXPECT_THAT(error.what(), HasSubstr("KVCOMPARE_TEST_UNSET, which is not set"));
}

}  // namespace
}  // namespace kvcompare
