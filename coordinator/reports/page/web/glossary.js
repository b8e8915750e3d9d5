// Every word that the page uses.
const WORDS = [
  ["Attended density, keys read", "Of all the keys that queries would have read without eviction, the share that they really read, over the whole time. Memory traffic while decoding goes with it."],
  ["Acceptance", "How often speculative decoding would take the baseline’s token as the method’s: the sum over all tokens of the smaller of the two probabilities, averaged."],
  ["Answers", "Ranges of tokens that the data marks as answers. One counts as written if every token of it is the first choice of the model: greedy generation would have written exactly it. “Answers missed” is the share of the others."],
  ["At equal density", "Between two neighbouring settings of a method ΔNLL is taken to be linear in the attended density. Beyond the ends of its settings nothing is said."],
  ["Baseline", "The model with its whole cache: nothing is evicted. Every other number is measured against it."],
  ["Bytes of the cache", "Keys × 2 (a key and its value) × head size × bytes of a number in the computation’s format. The peak is the most that one sample needs at once, with the chunk’s own keys, just before an eviction."],
  ["Chunk size", "Tokens between two evictions. With 1, the numbers are exactly those of token-by-token generation with that cache."],
  ["Cache size", "The number of keys that a KV head keeps, whatever the length of the text."],
  ["Compression ratio", "The share of the keys that a method removes: with 0.75 it keeps a quarter."],
  ["Decode, prefill, generate", "How a text is read. Decode: in chunks, and after each chunk the method may evict keys for good; later tokens are predicted from what is left. Prefill: the context at once, with one eviction at its end. Generate: the context at once, of which nothing is evicted, then in chunks."],
  ["Δp", "Change in the probability of the true token, the method’s minus the baseline’s. RMS Δp is its root mean square."],
  ["Different, not distinguishable", "Two settings are different if the 95 % interval of their difference leaves out 0 and the p-value after Holm’s correction is below 0.05. Otherwise these samples do not tell them apart, which does not prove that they are the same."],
  ["Eviction", "Removing a key and its value from the cache. An evicted key never comes back."],
  ["Evidence kept", "The data may say where a scored range can be told from: its evidence. Of the keys of this evidence in all layers and KV heads, the share that is still there when the range is reached. A range that is missed was lost because its evidence was evicted, or although it was kept."],
  ["Failed", "A sample that could not be evaluated under a method after several attempts. The method then has no totals, because a part of the samples compares with nothing."],
  ["Fingerprint", "A hash of everything that can change a number of the run. Equal fingerprints mean equal results."],
  ["Greedy accuracy", "Share of the scored tokens that are the model’s first choice."],
  ["Holm’s correction", "Of many comparisons some look like differences by chance. The correction raises the p-values so that even one false alarm among all of them stays below 5 %."],
  ["Interval (95 %)", "By the bootstrap: the samples are drawn anew 10,000 times, with replacement, and the middle 95 % of the results form the interval. There is none under 8 samples."],
  ["Key, value, cache", "For every token, layer and KV head a transformer stores a key and a value. Together they are the cache; later tokens attend to it."],
  ["Keys kept", "Of all keys, the share that is still there at the end of a sample."],
  ["KL divergence, mean KL", "How far the method’s distribution of the next token is from the baseline’s, in nats a token: 0 if they are the same, whatever the true token is. Perplexity can stay the same, or get better, while it grows."],
  ["KV head", "A head that has keys and values of its own. Several query heads may share one."],
  ["Layer", "One of the model’s blocks, counted from 0, the nearest to the input."],
  ["max_length", "Longer samples are cut after so many tokens."],
  ["Method, setting", "A method says which keys go. A setting is a method with its parameters, as ExpectedAttention at compression ratio 0.5."],
  ["Nat", "The unit of NLL: with natural logarithms, 1 nat is about 1.44 bits."],
  ["NLL, ΔNLL", "Negative log-likelihood: minus the logarithm of the probability that the model gave to the true next token, averaged over tokens. ΔNLL is a setting’s minus the baseline’s: what eviction costs, in nats a token."],
  ["p, p-value", "Of the sign-flip test: if a setting and the baseline were alike, how often would differences of random sign add up to as much as was measured? Two-sided, 10,000 flips, after Holm’s correction."],
  ["Perplexity, Δ perplexity", "exp of the average NLL: among how many equally likely tokens the model seems to choose. Lower is better. Δ is a setting’s minus the baseline’s."],
  ["Position", "The place of a token in its sample, from 0. The token at position 0 is predicted by nothing."],
  ["Pyramid, adaptive", "How a budget is shared: with layer_budgets pyramid lower layers keep more keys than higher ones; with head_budgets adaptive the KV heads of a layer share theirs, and the best keys of all stay."],
  ["Protected positions", "First and latest positions that every method keeps, if protect_first and protect_last say so."],
  ["Run, session", "A run is one output folder: a model, data, methods. A session is one start of the program on it."],
  ["Same top-1", "Share of the scored tokens for which method and baseline have the same first choice."],
  ["Sample", "One line of the data: a document. Samples are what intervals and tests draw from."],
  ["Scored tokens", "The tokens whose prediction counts: all predicted tokens, unless the data names some of them, such as answers. NLL, perplexity and everything made of them are over the scored tokens."],
  ["Sink", "One of the first positions of a text, which some methods never evict (n_sink)."],
  ["Sweep", "Settings of one method that differ only in how much they evict: a line of the chart."],
  ["Threshold (τ), window", "KVzap evicts keys whose score is below τ, once they have left the window of the latest positions."],
  ["Token", "A piece of text as the tokenizer cuts it. Predicted tokens are all of a sample but the first."],
];

// By the registry's names; only those of the page are shown.
const METHODS = {
  kvzap: "A small trained network says from a token’s hidden state how important its keys are; keys below a threshold go. arXiv 2601.07891",
  random: "Random keys go. What a method must beat.",
  streaming_llm: "The first few positions (sinks) and the latest ones stay. arXiv 2309.17453",
  expected_attention: "Keys stay that future queries are expected to attend to. arXiv 2510.00636",
  observed_attention: "Keys stay that received most attention so far, for each query that could see them. Related to H2O, arXiv 2306.14048",
  knorm: "Keys with a small norm stay.",
  h2o: "Keys stay that received most attention so far, and the latest ones. arXiv 2306.14048",
  tova: "Keys stay to which the last query gave most attention, in the mean over all heads of the layer. arXiv 2401.06104",
  snapkv: "Keys stay to which the latest queries gave most attention, with their neighbours, and the keys of these queries. With adaptive heads it is AdaKV (arXiv 2407.11550), with a pyramid of layers PyramidKV (arXiv 2406.02069). arXiv 2404.14469",
  keydiff: "Keys stay that point away from the mean direction of the cached keys. arXiv 2504.15364",
  lagkv: "Keys stay that spread more than others, with their values, relative to the tokens that follow. arXiv 2504.04704",
};

function showGlossary() {
  const used = new Map(page.runs.flatMap(run => run.instances.map(instance => [instance.name, instance.method_name])));
  const methods = [...used].filter(([name]) => METHODS[name]).map(([name, shown]) => [shown, METHODS[name]]);
  const entries = [...WORDS, ...methods].sort((a, b) => a[0].localeCompare(b[0], "en"));
  sectionBody("glossary").append(element("dl", {}, entries.map(([word, meaning]) =>
    element("div", {}, element("dt", {}, word), element("dd", {}, meaning)))));
}
