#include "launch/session/texts_of_samples.h"

#include <vector>

#include "common/data/first_words.h"
#include "common/errors.h"
#include "common/log.h"
#include "launch/session/job_data.h"

namespace kvcompare {

TextsOfSamples texts_of_samples(const JournalHeader& header) {
  if (header.spec.perplexity_windows) {
    log_warning("--report_text: the page shows no texts, because samples are windows of longer ones");
    return {};
  }
  FirstWordsOptions options{.path = header.places.data_path,
                            .fields = text_fields(header.spec),
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
