// One setting beside every other.
function differencesTable(run, place) {
  const columns = [{title: "Against"}, {title: "Difference", numeric: true, hint: "ΔNLL of the chosen setting minus that of the other, nats a token"},
    {title: "p", numeric: true, hint: "of the sign-flip test, after Holm’s correction for all pairs"}, {title: "Keys read", numeric: true}, {title: "Verdict"}];
  const rows = run.pairs.filter(([a, b]) => a === place || b === place).map(([a, b, difference, interval, p, different]) => {
    const other = run.instances[a === place ? b : a];
    const turned = a === place ? difference : -difference;
    const ends = interval === null ? null : a === place ? interval : [-interval[1], -interval[0]];
    // A warning of the page says why nothing can be called different.
    const undecided = !different && !run.pairs_can_differ && ends !== null && (ends[0] > 0 || ends[1] < 0);
    const verdict = interval === null ? ABSENT : different ? (turned < 0 ? "costs less" : "costs more") : undecided ? "undecided" : "not distinguishable";
    return [textCell(other.label), withIntervalCell(turned, ends, null, run.pairs_reason),
      numberCell(probability(p), p, p === null ? run.pairs_reason : null), measuredCell(other, "attended_density", shareText),
      {text: verdict, reason: interval === null ? run.pairs_reason : null, className: different ? "verdict different" : "verdict"}];
  });
  return dataTable(columns, rows, {caption: `${run.instances[place].label} minus each other setting, in nats a token`, sortable: true, most: 50, tall: rows.length > 20});
}

function showDifferences() {
  const body = sectionBody("differences");
  const options = page.runs.flatMap((run, r) => [...new Set(run.pairs.flatMap(([a, b]) => [a, b]))].sort((a, b) => a - b)
    .map(place => ({value: `${r}:${place}`, text: run.instances[place].label, group: page.runs.length > 1 ? run.name : ""})));
  for (const run of page.runs) {
    if (run.pairs.length > 0 && !run.pairs_reason) continue;
    const why = run.pairs_reason || "fewer than two settings have results to compare";
    body.append(note(`${page.runs.length > 1 ? `${run.name}: ` : ""}${run.pairs.length > 0 ? "No intervals" : "No pairs"}: ${why}.`));
  }
  if (page.runs.length > 1) body.append(note("Settings are compared inside a run only: samples of different runs are never subtracted.", "quiet"));
  if (options.length === 0) return;
  const place = element("div");
  const show = value => {
    const [r, p] = value.split(":").map(Number);
    place.replaceChildren(differencesTable(page.runs[r], p));
  };
  body.append(element("div", {class: "controls"}, labelledSelect("Setting", options, options[0].value, show)), place);
  show(options[0].value);
}
