// How far distributions are from the baseline's, and the answers that greedy generation would have written.
const anyInstance = holds => page.runs.some(run => run.instances.some(holds));
const hasDistributions = () => anyInstance(instance => instance.mean_kl !== null);
const hasAnswers = () => anyInstance(instance => instance.answers !== null);

const hasEvidence = () => anyInstance(instance => (instance.evidence_kept ?? null) !== null);
const NO_EVIDENCE = "the data states no evidence";

const klText = value => plainNumber(value);
const answersText = instance => instance.answers === null ? ABSENT : `${wholeNumber(instance.spans_exact)} of ${wholeNumber(instance.spans)}`;

// A number of an instance with its interval below it: "mean_kl".
const qualityCell = (instance, key, show) =>
  withIntervalCell(instance[key], instance[`${key}_ci95`], instance[`${key}_reason`], instance[`${key}_ci95_reason`], show);

function answersCell(instance) {
  const cell = qualityCell(instance, "answers", shareText);
  if (instance.answers === null) return cell;
  return {...cell, text: answersText(instance), node: [answersText(instance), ...cell.node.slice(1)], 
    title: `${shareText(instance.answers)} ${instance.answers_ci95 === null ? "" : endsText(instance.answers_ci95, shareText)}`.trim()};
}

// The mean KL with the share of same first choices below it: the headline table has no room for both beside each other.
function distributionCell(instance) {
  if (instance.mean_kl === null) return measuredCell(instance, "mean_kl", klText);
  const interval = instance.mean_kl_ci95 === null ? `no interval: ${instance.mean_kl_ci95_reason}` : endsText(instance.mean_kl_ci95, klText);
  return {text: klText(instance.mean_kl), sort: instance.mean_kl, title: interval,
    node: [klText(instance.mean_kl), " ", element("span", {class: "interval"}, `same top-1 ${shareText(instance.same_top1)}`)]};
}

// A run without evidence has none of its numbers.
const evidenceCell = (key, show, cell = measuredCell) => instance =>
  instance[key] === undefined ? numberCell(ABSENT, null, NO_EVIDENCE) : cell(instance, key, show);

// Columns that the headline table has if a run has such numbers: [{column, cell(instance)}].
function qualityColumns() {
  const columns = [];
  if (hasDistributions()) columns.push({column: {title: "Mean KL", numeric: true,
    hint: "how far the distribution of the next token is from the baseline’s, in nats a token; below it the share of the tokens for which both have the same first choice"},
  cell: distributionCell});
  if (hasAnswers()) columns.push({column: {title: "Answers", numeric: true, hint: "scored ranges that greedy generation would have written exactly, of all"},
    cell: instance => {
      const {text, sort, reason, title} = answersCell(instance);
      return {text, sort, reason, title};
    }});
  if (hasEvidence()) columns.push({column: {title: "Evidence kept", numeric: true,
    hint: "share of the keys of the evidence that the data states which are kept when a scored range is reached"}, cell: evidenceCell("evidence_kept", shareText)});
  return columns;
}

// Every number of the two kinds, for those who want more than the headline.
function qualityTable() {
  const several = page.runs.length > 1;
  const percentile = name => instance => numberCell(klText(instance.kl_percentiles && instance.kl_percentiles[name]),
    instance.kl_percentiles && instance.kl_percentiles[name], instance.kl_percentiles_reason);
  const measured = (key, show) => instance => measuredCell(instance, key, show);
  const all = [
    ["Mean KL", "nats a token", instance => qualityCell(instance, "mean_kl", klText)],
    ["KL, median", "nats", percentile("50")], ["KL, 90 %", "nats", percentile("90")], ["KL, 99 %", "nats", percentile("99")],
    ["KL, 99.9 %", "nats", percentile("99.9")], ["KL, largest", "nats", percentile("max")],
    ["Same top-1", "share of the tokens", instance => qualityCell(instance, "same_top1", shareText)],
    ["Acceptance", "probability that speculative decoding takes the baseline’s token for the method’s", measured("acceptance", shareText)],
    ["Mean Δp", "change in the probability of the true token", measured("mean_delta_p", value => value === null ? ABSENT : `${deltaNumber(100 * value, 3)} %`)],
    ["RMS Δp", "root mean square of that change", measured("rms_delta_p", value => shareText(value, 2))],
    ["ΔNLL > 1", "share of the tokens that lose more than 1 nat", measured("delta_nll_above_1", value => shareText(value, 2))],
    ["ΔNLL > 3", "share of the tokens that lose more than 3 nats", measured("delta_nll_above_3", value => shareText(value, 2))],
    ["Greedy accuracy", "share of the tokens that are the first choice", instance => qualityCell(instance, "greedy_accuracy", shareText)],
    ...(hasAnswers() ? [["Answers", "scored ranges that are written exactly", answersCell]] : []),
    ...(hasEvidence() ? [["Evidence kept", "share of the keys of the stated evidence that are kept when a scored range is reached", evidenceCell("evidence_kept", shareText, qualityCell)],
      ["… exact", "the same, of the ranges that are written exactly", evidenceCell("evidence_kept_exact", shareText)],
      ["… missed", "the same, of the other ranges", evidenceCell("evidence_kept_missed", shareText)],
      ["Missed, evicted", "ranges that are not written exactly, and of whose evidence fewer than half of the keys are kept", evidenceCell("spans_missed_evicted", wholeNumber)],
      ["Missed, kept", "ranges that are not written exactly although half of the keys of their evidence or more are kept", evidenceCell("spans_missed_kept", wholeNumber)]] : []),
  ];
  const columns = [{title: "Method"}, ...(several ? [{title: "Run"}] : []), ...all.map(([title, hint]) => ({title, hint, numeric: true}))];
  const rows = page.runs.flatMap(run => run.instances.map(instance =>
    [textCell(instance.label, "name"), ...(several ? [textCell(run.name)] : []), ...all.map(([, , cell]) => cell(instance))]));
  return dataTable(columns, rows, {caption: "Distributions beside the baseline’s, and answers", sortable: true, tall: rows.length > 40});
}
