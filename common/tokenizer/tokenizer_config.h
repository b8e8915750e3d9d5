// Checks the files beside tokenizer.json that transformers reads as well.
#pragma once

#include <filesystem>

namespace kvcompare {

class JsonNode;

// The fast tokenizers of transformers let tokenizer_config.json, added_tokens.json and
// special_tokens_map.json change what tokenizer.json says, and versions of transformers differ in how.
// kvcompare uses tokenizer.json alone. So it throws a CheckpointError naming file and key if one of these
// files would give other ids. Any of the files may be absent.
void refuse_what_changes_ids(const std::filesystem::path& folder, const JsonNode& tokenizer);

}  // namespace kvcompare
