// Checks the files beside tokenizer.json that transformers reads as well.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/ids.h"

namespace kvcompare {

class JsonNode;

// transformers lets tokenizer_config.json, added_tokens.json and special_tokens_map.json change what
// tokenizer.json says, and versions of transformers differ in how. kvcompare uses tokenizer.json alone. So it
// throws a CheckpointError naming file and key if one of these files would give other ids. Any of the files
// may be absent.
void refuse_what_changes_ids(const std::filesystem::path& folder, const JsonNode& tokenizer);

// What tokenizer.json does, for a comparison with what the files beside it say.
struct AddedAroundTexts {
  std::optional<TokenId> first;  // of what it puts before a text
  std::optional<TokenId> last;   // of what it puts behind a text
  std::function<std::optional<TokenId>(std::string_view token)> id_of;
};

// Sentences for the user about files beside tokenizer.json that say something else, where tokenizer.json is
// right: "add_bos_token" and "add_eos_token", which transformers 5 ignores beside a tokenizer.json, and the
// class of a tokenizer that transformers 5 rebuilds (json_rebuilt_tokenizer.h). Throws CheckpointError for a
// file that cannot be read.
std::vector<std::string> warnings_beside(const std::filesystem::path& folder, const JsonNode& tokenizer,
                                         const AddedAroundTexts& added);

}  // namespace kvcompare
