// The trade-off: what is saved against what it costs, a line for each sweep.
const COSTS = {
  nll: {text: "ΔNLL", axis: "ΔNLL (nats a token)", show: deltaNumber,
    of: (run, instance) => ({y: instance.avg_nll_delta, reason: instance.avg_nll_delta_reason, interval: instance.avg_nll_delta_ci95}),
    baseline: () => 0},
  ppl: {text: "perplexity", axis: "perplexity", show: perplexityText,
    of: (run, instance) => ({y: instance.perplexity, reason: instance.perplexity_reason, interval: levelOf(run, instance)}),
    baseline: run => run.instances[0].perplexity},
  kl: {text: "mean KL", axis: "mean KL (nats a token)", show: klText, isThere: hasDistributions,
    of: (run, instance) => ({y: instance.mean_kl, reason: instance.mean_kl_reason, interval: instance.mean_kl_ci95}),
    baseline: () => 0},
  answers: {text: "answers missed", axis: "answers missed", show: shareText, isShare: true, isThere: hasAnswers,
    of: (run, instance) => ({y: missed(instance.answers), reason: instance.answers_reason, interval: missedInterval(instance)}),
    baseline: run => missed(run.instances[0].answers)},
};
const missed = share => share === null ? null : 1 - share;
const missedInterval = ({answers_ci95: interval}) => interval === null ? null : [1 - interval[1], 1 - interval[0]];
// Costs that some instance of the page has.
const shownCosts = () => Object.entries(COSTS).filter(([, cost]) => cost.isThere === undefined || cost.isThere());
const SAVINGS = {
  attended_density: {text: "keys read", axis: "keys read (attended density)"},
  kept_fraction: {text: "keys kept", axis: "keys kept at the end"},
  peak_cache_bytes: {text: "bytes of the cache", axis: "peak of the cache"},
};
const SHARES = new Set(["attended_density", "kept_fraction"]);

// The interval of the perplexity itself: that of its difference, beside the baseline's.
function levelOf(run, instance) {
  const base = run.instances[0].perplexity;
  return base === null || instance.ppl_delta_ci95 === null ? null : instance.ppl_delta_ci95.map(end => base + end);
}

function pointsOf(run, line, state) {
  return line.points.map(place => {
    const instance = run.instances[place];
    const {y, reason, interval} = COSTS[state.cost].of(run, instance);
    const x = instance[state.saving];
    return {instance, x, y, interval, reason: x === null ? instance[`${state.saving}_reason`] : reason};
  });
}

const isDrawable = state => point => point.x !== null && point.y !== null && !(state.scale === "log" && point.y <= 0);

function hoverOf(point, state) {
  const {instance} = point;
  const cost = COSTS[state.cost];
  const interval = point.interval === null ? "" : ` [${cost.show(point.interval[0])}, ${cost.show(point.interval[1])}]`;
  return `<b>${plainText(instance.label)}</b><br>${cost.text} ${cost.show(point.y)}${interval}` +
    (instance.mean_kl === null ? "" : `<br>mean KL ${klText(instance.mean_kl)}, same top-1 ${shareText(instance.same_top1)}`) +
    (instance.answers === null ? "" : `<br>answers ${answersText(instance)}`) +
    `<br>keys read ${shareText(instance.attended_density)}, kept ${shareText(instance.kept_fraction)}` +
    `<br>peak cache ${bytesText(instance.peak_cache_bytes)}`;
}

// Traces of one line: the band, then points with their bars. floor: where a logarithmic axis ends.
function lineTraces(run, line, state, look, axes) {
  const points = pointsOf(run, line, state).filter(isDrawable(state)).sort((a, b) => a.x - b.x);
  if (points.length === 0) return [];
  const {style, scaleX, floor} = look;
  const xs = points.map(point => scaleX(point.x));
  const low = point => point.interval === null ? point.y : Math.max(point.interval[0], floor);
  const high = point => point.interval === null ? point.y : point.interval[1];
  const traces = [];
  if (points.length > 1 && points.some(point => point.interval !== null))
    traces.push({...axes, type: "scatter", mode: "lines", x: [...xs, ...[...xs].reverse()],
      y: [...points.map(high), ...points.map(low).reverse()], fill: "toself", fillcolor: withAlpha(style.colour, 0.16),
      line: {width: 0}, hoverinfo: "skip", showlegend: false, legendgroup: plainText(line.label)});
  traces.push({...axes, type: "scatter", mode: "lines+markers", x: xs, y: points.map(point => point.y),
    name: shortText(line.label, 40), legendgroup: plainText(line.label), showlegend: look.inLegend,
    line: {color: style.colour, width: 2.5, dash: style.dash}, marker: markerOf(style),
    error_y: {type: "data", symmetric: false, array: points.map(point => high(point) - point.y),
      arrayminus: points.map(point => point.y - low(point)), color: style.colour, thickness: 1.3, width: 4,
      visible: points.some(point => point.interval !== null)},
    text: points.map(point => hoverOf(point, state)), hovertemplate: "%{text}<extra></extra>"});
  return traces;
}

function baselineTrace(run, state, colours, largest, axes, inLegend) {
  const y = COSTS[state.cost].baseline(run);
  if (y === null || (state.scale === "log" && y <= 0)) return [];
  return [{...axes, type: "scatter", mode: "lines+text", x: [0, largest], y: [y, y], text: ["Baseline", ""], textposition: "top right",
    textfont: {color: colours.baseline}, cliponaxis: false, name: "Baseline", legendgroup: " baseline",
    showlegend: inLegend, line: {color: colours.baseline, width: 1.5, dash: "dot"}, hovertemplate: `Baseline: ${COSTS[state.cost].show(y)}<extra></extra>`}];
}

// Side by side, or one below the other where that is too narrow: {columns, rows, domain(i)}, in shares of the chart.
function panels(n, columns, gapX, gapY) {
  const rows = Math.ceil(n / columns);
  const wide = (1 - gapX * (columns - 1)) / columns, high = (1 - gapY * (rows - 1)) / rows;
  return {rows, domain: i => {
    const x = (i % columns) * (wide + gapX), y = 1 - Math.floor(i / columns) * (high + gapY);
    return {x: [x, Math.min(1, x + wide)], y: [Math.max(0, y - high), y]};
  }};
}

const axisName = (letter, i) => i === 0 ? letter : `${letter}${i + 1}`;
const panelTitle = (text, domain, colours) => ({text, x: domain.x[0], y: domain.y[1], xref: "paper", yref: "paper",
  xanchor: "left", yanchor: "bottom", yshift: 6, showarrow: false, font: {size: 14, color: colours.ink}});

// Limits that all runs share: largest x, its unit, and the end of a logarithmic axis.
function limitsOf(state) {
  const points = page.runs.flatMap(run => run.lines.flatMap(line => pointsOf(run, line, state))).filter(isDrawable(state));
  const largestCache = Math.max(1, ...page.runs.flatMap(run => run.instances.map(one => one[state.saving] || 0)));
  const share = SHARES.has(state.saving);
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  const unit = share ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(largestCache) / 10));
  const floor = state.scale === "log" && points.length > 0
    ? 10 ** (Math.floor(Math.log10(Math.min(...points.map(point => point.y)))) - 1) : -Infinity;
  return {scaleX: x => x / 1024 ** unit, largest: share ? 1 : largestCache / 1024 ** unit,
    unit: share ? "" : ` (${units[unit]})`, floor, share};
}

function tradeoffFigure(state, colours, width, forFile) {
  const limits = limitsOf(state);
  const columns = width < 700 ? 1 : Math.min(page.runs.length, 3);
  const grid = panels(page.runs.length, columns, 0.07, 0.2);
  const withLegend = forFile || printing;
  const seen = new Set();
  const data = [], annotations = [], axes = {};
  page.runs.forEach((run, i) => {
    const domain = grid.domain(i);
    const place = {xaxis: axisName("x", i), yaxis: axisName("y", i)};
    data.push(...baselineTrace(run, state, colours, limits.largest, place, withLegend && i === 0));
    for (const line of run.lines) {
      if (state.hidden.has(line.label)) continue;
      data.push(...lineTraces(run, line, state, {style: lineStyle(run, line, colours), scaleX: limits.scaleX,
        floor: limits.floor, inLegend: withLegend && !seen.has(line.label)}, place));
      seen.add(line.label);
    }
    axes[place.xaxis.replace("x", "xaxis")] = {domain: domain.x, anchor: place.yaxis, rangemode: "tozero", zeroline: false,
      tickformat: limits.share ? ".0%" : "", range: limits.share ? [0, 1.04] : null,
      title: {text: SAVINGS[state.saving].axis + limits.unit}};
    axes[place.yaxis.replace("y", "yaxis")] = {domain: domain.y, anchor: place.xaxis, type: state.scale, zeroline: state.scale !== "log",
      matches: i > 0 && state.cost !== "ppl" ? "y" : null, exponentformat: "power", tickformat: COSTS[state.cost].isShare ? ".0%" : "",
      title: {text: i % columns === 0 ? COSTS[state.cost].axis : ""}};
    if (page.runs.length > 1) annotations.push(panelTitle(shortText(run.name, Math.floor(width / columns / 8.5)), domain, colours));
  });
  const legend = legendLayout(width, false);
  return {data, layout: {...axes, annotations, showlegend: withLegend, legend,
    height: (width < 700 ? 360 : 460) * grid.rows + (withLegend && legend.orientation === "h" ? 90 : 0),
    margin: {l: 62, r: 16, t: page.runs.length > 1 ? 40 : 16, b: 56}}};
}

function tradeoffTable(state) {
  const several = page.runs.length > 1;
  const quality = qualityColumns();
  const columns = [{title: "Method"}, ...(several ? [{title: "Run"}] : []), {title: "Keys read", numeric: true},
    {title: "Keys kept", numeric: true}, {title: "Peak cache", numeric: true}, {title: "ΔNLL", numeric: true}, {title: "Perplexity", numeric: true},
    ...quality.map(({column}) => column)];
  const rows = page.runs.flatMap(run => run.lines.filter(line => !state.hidden.has(line.label)).flatMap(line => line.points.map(place => {
    const instance = run.instances[place];
    return [textCell(instance.label), ...(several ? [textCell(run.name)] : []),
      measuredCell(instance, "attended_density", shareText), measuredCell(instance, "kept_fraction", shareText),
      measuredCell(instance, "peak_cache_bytes", bytesText),
      withIntervalCell(instance.avg_nll_delta, instance.avg_nll_delta_ci95, instance.avg_nll_delta_reason, instance.avg_nll_delta_ci95_reason),
      withIntervalCell(instance.perplexity, levelOf(run, instance), instance.perplexity_reason, instance.ppl_delta_ci95_reason, perplexityText),
      ...quality.map(({cell}) => cell(instance))];
  })));
  return dataTable(columns, rows, {caption: "Points of the trade-off", sortable: true, tall: true});
}

// The lines of all runs with a check box each; they are the legend too.
function lineSwitches(state, onchange) {
  const labels = new Map();
  for (const run of page.runs) for (const line of run.lines) if (!labels.has(line.label)) labels.set(line.label, [run, line]);
  const boxes = [...labels].map(([label, [run, line]]) => {
    const sign = element("span", {class: "swatch", "aria-hidden": "true"});
    const paint = () => {
      const style = lineStyle(run, line, chartColours(isDark()));
      sign.textContent = style.sign;
      sign.style.color = style.colour;
    };
    paint();
    themeListeners.push(paint);
    const box = element("input", {type: "checkbox", checked: true, onchange: () => {
      if (box.checked) state.hidden.delete(label); else state.hidden.add(label);
      onchange();
    }});
    return {box, label, element: element("label", {class: "chip"}, box, sign, element("span", {}, label))};
  });
  const setAll = shown => {
    for (const {box, label} of boxes) { box.checked = shown; if (shown) state.hidden.delete(label); else state.hidden.add(label); }
    onchange();
  };
  const all = boxes.length > 3 ? [element("button", {type: "button", onclick: () => setAll(true)}, "All"),
    element("button", {type: "button", onclick: () => setAll(false)}, "None")] : [];
  return element("fieldset", {class: "chips"}, element("legend", {}, "Methods"), element("div", {}, boxes.map(one => one.element), all));
}

// What of the chosen numbers has no place on the chart.
function notDrawn(state) {
  const left = page.runs.flatMap(run => run.lines.filter(line => !state.hidden.has(line.label))
    .flatMap(line => pointsOf(run, line, state).filter(point => !isDrawable(state)(point))
      .map(point => `${point.instance.label} (${point.reason || "not above 0, so not on a logarithmic scale"})`)));
  if (left.length === 0) return "";
  const shown = left.slice(0, 5);
  return `Not drawn: ${shown.join("; ")}${left.length > shown.length ? `; and ${left.length - shown.length} more` : ""}.`;
}

function showTradeoff() {
  const state = {cost: "nll", saving: "attended_density", scale: "linear", hidden: new Set()};
  const left = element("p", {class: "said"});
  const chart = new Chart("trade-off", "Curves of cost against memory, a line for each method. The table below the chart has the same numbers.",
    (colours, width, forFile) => tradeoffFigure(state, colours, width, forFile), () => tradeoffTable(state));
  const renew = () => { left.textContent = notDrawn(state); chart.renew(); };
  const set = key => value => { state[key] = value; renew(); };
  left.textContent = notDrawn(state);
  sectionBody("tradeoff").append(
    element("div", {class: "controls"},
      radioSwitch("Cost", shownCosts().map(([key, cost]) => [key, cost.text]), state.cost, set("cost")),
      radioSwitch("Against", Object.entries(SAVINGS).map(([key, saving]) => [key, saving.text]), state.saving, set("saving")),
      radioSwitch("Scale of the cost", [["linear", "linear"], ["log", "logarithmic"]], state.scale, set("scale"))),
    lineSwitches(state, renew), chart.element, left);
  chart.element.querySelector(".tools").append(element("span", {class: "hint"}, "Drag to zoom, double-click to go back."));
}
