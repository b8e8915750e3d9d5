#include "launch/session/texts_of_samples.h"

#include <string>
#include <vector>

#include "common/data/first_words.h"
#include "common/errors.h"
#include "common/log.h"
#include "common/text_split.h"
#include "launch/session/job_data.h"

namespace kvcompare {

namespace {

// Why the samples of a run are not simply the records of its data set, in their order; empty if they are.
std::string why_no_texts(const JournalHeader& header) {
  const auto& spec = header.spec;
  if (spec.perplexity_windows) return "samples are windows of longer ones";
  if (spec.join) return "--join made one text of all";
  if (spec.shuffle_seed || spec.min_length > 0)
    return "samples were chosen by --shuffle_seed or --min_length";
  if (reads_standard_input(header.places.data_path)) return "the data came from standard input";
  return "";
}

}  // namespace

TextsOfSamples texts_of_samples(const JournalHeader& header) {
  if (const auto why = why_no_texts(header); !why.empty()) {
    log_warning("--report_text: the page shows no texts, because " + why);
    return {};
  }
  FirstWordsOptions options{.source = {.data_path = header.places.data_path,
                                       .fields = text_fields(header.spec),
                                       .split = parse_text_split(header.spec.split)},
                            .bad_lines = {},
                            .n_samples = header.n_samples};
  for (const auto& bad : header.bad_lines) options.bad_lines.push_back(bad.line);
  try {
    return first_words(options);
  } catch (const Error& error) {
    log_warning(std::string("--report_text: the page shows no texts: ") + error.what());
    return {};
  }
}

}  // namespace kvcompare
