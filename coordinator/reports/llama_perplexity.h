// The numbers of a run in the layout of llama.cpp's llama-perplexity --kl-divergence, so that they can be
// read beside those of quantised models, by people and by programs that know this layout. Source: llama.cpp,
// tools/perplexity/perplexity.cpp, function kl_divergence.
#pragma once

#include <string>

#include "coordinator/comparison/comparison.h"
#include "coordinator/reports/read_run.h"

namespace kvcompare {

// A block of three tables for each instance but the baseline, under its label. Q is the instance, base the
// baseline. Uncertainties are those of llama-perplexity: of a mean over tokens as if tokens were independent.
//
// A run with --save_token_nll (and, if its data names scored ranges, --save_tokens) gives llama-perplexity's
// own numbers. Of another run percentiles come from sketches (off by at most 0.4 %), so do the uncertainties
// of KLD and RMS Δp (off by at most 1 % of the sum of squares that they are made of), and those of
// perplexities are left out: a line says so. An instance without totals, or whose distributions were not
// compared, has a line that says why.
std::string llama_perplexity_text(const Comparison& comparison, const ReadRun& read);

}  // namespace kvcompare
