// The files beside tokenizer.json that transformers reads as well.
#pragma once

#include <filesystem>

namespace kvcompare {

class JsonNode;

// transformers' fast tokenizers change what tokenizer.json says by tokenizer_config.json, added_tokens.json
// and special_tokens_map.json, and its versions differ in how. kvcompare computes by tokenizer.json alone:
// what would give other ids is a CheckpointError with file and key. Files that are not there say nothing.
void refuse_what_changes_ids(const std::filesystem::path& folder, const JsonNode& tokenizer);

}  // namespace kvcompare
