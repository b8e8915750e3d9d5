// Where it hurts: the tokens that a setting predicts worst, in their text.
const EVIDENCE = 8;  // place in the list that a token is, if its range has evidence
const hasWorstTokens = () => anyInstance(instance => instance.worst_tokens.length > 0);

function worstTokensTable(run, place) {
  const instance = run.instances[place];
  const withEvidence = instance.worst_tokens.some(token => token.length > EVIDENCE);
  const columns = [{title: "Sample @ position", hint: "the sample’s place in the data and the token’s place in it, both from 0"},
    {title: "ΔNLL", numeric: true, hint: "nats"}, {title: "NLL", numeric: true, hint: "nats"}, {title: "Baseline", numeric: true, hint: "its NLL, in nats"},
    {title: "KL", numeric: true, hint: "nats"}, ...(withEvidence ? [{title: "Evidence kept", numeric: true,
      hint: "of the scored range that the token is in: share of the keys of its evidence that are kept when it is reached"}] : []), {title: "Text"}];
  const rows = instance.worst_tokens.map(([sample, position, nll, base, kl, before, token, after, evidence]) => [
    {text: `${wholeNumber(sample)} @ ${wholeNumber(position)}`, sort: sample},
    numberCell(deltaNumber(nll - base), nll - base), numberCell(plainNumber(nll), nll), numberCell(plainNumber(base), base),
    numberCell(klText(kl), kl, "distributions were not compared"),
    ...(withEvidence ? [evidence === undefined ? numberCell(ABSENT, null, "its range has no evidence") : numberCell(shareText(evidence), evidence)] : []),
    {text: before + token + after, className: "words", node: [before, element("mark", {}, token), after]}]);
  return dataTable(columns, rows, {caption: `${instance.label}: the tokens with the largest ΔNLL`, sortable: true, tall: true});
}

function showWorstTokens() {
  if (!hasWorstTokens()) return;
  const options = page.runs.flatMap((run, r) => run.instances.map((instance, place) => ({instance, place}))
    .filter(({instance}) => instance.worst_tokens.length > 0)
    .map(({instance, place}) => ({value: `${r}:${place}`, text: instance.label, group: page.runs.length > 1 ? run.name : ""})));
  const place = element("div");
  const show = value => {
    const [r, p] = value.split(":").map(Number);
    place.replaceChildren(worstTokensTable(page.runs[r], p));
  };
  sectionBody("tokens").append(element("div", {class: "controls"}, labelledSelect("Setting", options, options[0].value, show)), place);
  show(options[0].value);
}
