// The headline table: every instance of every run.
function methodName(run, place) {
  const instance = run.instances[place];
  const line = lineOfPlace(run, place);
  const swatch = element("span", {class: "swatch", "aria-hidden": "true"});
  const paint = () => {
    const colours = chartColours(isDark());
    const style = line ? lineStyle(run, line, colours) : {colour: colours.baseline, sign: "—"};
    swatch.style.color = style.colour;
    swatch.textContent = style.sign;
  };
  paint();
  themeListeners.push(paint);
  return element("span", {class: "named"}, swatch, element("span", {}, breakable(instance.label)));
}

// May be broken between words that are written together: "ExpectedAttention".
const breakable = text => text.split(/(?<=\p{Ll})(?=\p{Lu})/u).flatMap((part, i) => i === 0 ? [part] : [element("wbr"), part]);

function parametersText(instance) {
  return Object.entries(instance.parameters).map(([name, value]) => `${name} ${value}`).join(", ");
}

function resultRow(run, place, severalRuns, quality) {
  const instance = run.instances[place];
  const isBaseline = place === 0;
  const against = (key, show = deltaNumber) =>
    withIntervalCell(instance[key], instance[`${key}_ci95`], instance[`${key}_reason`], instance[`${key}_ci95_reason`], show);
  const row = [
    {text: instance.label, node: methodName(run, place), title: parametersText(instance), className: "name"},
    measuredCell(instance, "perplexity", perplexityText),
    against("ppl_delta", perplexityDelta),
    against("avg_nll_delta"),
    measuredCell(instance, "p_value_holm", probability),
    ...quality.map(({cell}) => cell(instance)),
    measuredCell(instance, "attended_density", shareText),
    measuredCell(instance, "kept_fraction", shareText),
    measuredCell(instance, "peak_cache_bytes", bytesText, value => value === null ? null : counted(value, "byte")),
    textCell(instance.words, "words"),
  ];
  if (isBaseline) row[0].className += " baseline";
  return severalRuns ? [row[0], textCell(run.name), ...row.slice(1)] : row;
}

function showResults() {
  const several = page.runs.length > 1;
  const quality = qualityColumns();
  const columns = [
    {title: "Method"},
    {title: "Perplexity", numeric: true, hint: "exp of the average NLL; lower is better"},
    {title: "Δ perplexity", numeric: true, hint: "perplexity minus that of the baseline"},
    {title: "ΔNLL", numeric: true, hint: "average NLL minus that of the baseline, in nats a token"},
    {title: "p", numeric: true, hint: "of the sign-flip test against the baseline, after Holm’s correction"},
    ...quality.map(({column}) => column),
    {title: "Keys read", numeric: true, hint: "attended density: of the keys that queries would have read without eviction"},
    {title: "Keys kept", numeric: true, hint: "of all keys, at the end of the samples"},
    {title: "Peak cache", numeric: true, hint: "most bytes of keys and values at once in a sample"},
    {title: "In plain words"},
  ];
  if (several) columns.splice(1, 0, {title: "Run"});
  const rows = page.runs.flatMap(run => run.instances.map((_, place) => resultRow(run, place, several, quality)));
  sectionBody("results").append(dataTable(columns, rows, {caption: "Every method with its parameters", sortable: true, tall: rows.length > 40}));
  if (hasDistributions() || hasAnswers()) sectionBody("results").append(folded("Distributions and answers in detail", qualityTable));
}
