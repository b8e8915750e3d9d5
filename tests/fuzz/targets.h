// The fuzz targets. Each gives its input to the function that the program itself calls, and ends normally if
// that function takes the input or refuses it as it should. Whatever else is thrown is a finding. A target
// has its file in targets/, its inputs in corpus/ and its line in this list.
#pragma once

#include <string_view>

namespace kvcompare::fuzz {

void data(std::string_view input);
void external_scores(std::string_view input);
void journal(std::string_view input);
void kvzap_scorer(std::string_view input);
void messages(std::string_view input);
void model_config(std::string_view input);
void pattern(std::string_view input);
void safetensors_file(std::string_view input);
void safetensors_header(std::string_view input);
void shard_index(std::string_view input);
void target_table(std::string_view input);
void tokenizer(std::string_view input);

}  // namespace kvcompare::fuzz
