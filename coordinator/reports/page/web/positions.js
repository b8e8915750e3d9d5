// Where in a document prediction gets worse.

// [{from, to, tokens, value}] by bin, value null where nothing was scored.
function positionBins(run, place) {
  const {total_nll: sums, n_scored: counts, bin_width: width} = run.instances[place].position;
  const base = run.instances[0].position.total_nll;
  return counts.map((tokens, bin) => ({from: bin * width, to: (bin + 1) * width - 1, tokens,
    value: tokens === 0 || sums[bin] === null || base[bin] === null ? null : (sums[bin] - base[bin]) / tokens}));
}

// Sums over a part of the samples compare with nothing.
function withPositions(choice) {
  const usable = place => choice.run.instances[place].failed.length === 0 && choice.run.instances[0].failed.length === 0 &&
    choice.run.instances[place].position.n_scored.length > 0;
  return {...choice, places: choice.places.filter(usable), without: [...choice.without, ...choice.places.filter(place => !usable(place))]};
}

const positionText = bin => bin.from === bin.to ? `position ${wholeNumber(bin.from)}` : `positions ${wholeNumber(bin.from)} to ${wholeNumber(bin.to)}`;

function positionsFigure({run, places}, colours, width, forFile) {
  const styles = instanceStyles(run, places, colours);
  const data = places.map((place, i) => {
    const bins = positionBins(run, place);
    const {label} = run.instances[place];
    return {type: "scatter", mode: "lines+markers", name: shortText(label, 40), x: bins.map(bin => (bin.from + bin.to) / 2),
      y: bins.map(bin => bin.value), connectgaps: false, line: {color: styles[i].colour, width: 2, dash: styles[i].dash},
      marker: {...markerOf(styles[i]), size: 6},
      text: bins.map(bin => `<b>${plainText(label)}</b><br>${positionText(bin)}<br>ΔNLL ${deltaNumber(bin.value)}<br>${counted(bin.tokens, "token")}`),
      hovertemplate: "%{text}<extra></extra>"};
  });
  const legend = legendLayout(width, true);
  return {data, layout: {xaxis: {title: {text: "position in the document (tokens)"}, rangemode: "tozero", zeroline: false},
    yaxis: {title: {text: "ΔNLL (nats a token)"}, zeroline: true, zerolinecolor: colours.ink}, showlegend: true, legend,
    height: 420 + 22 * Math.ceil(places.length / Math.max(1, Math.floor(width / 220))), margin: {l: 62, r: 16, t: 16, b: 56}}};
}

function positionsTable({run, places}) {
  const columns = [{title: "Positions"}, {title: "Tokens", numeric: true},
    ...places.map(place => ({title: run.instances[place].label, numeric: true}))];
  const perPlace = places.map(place => positionBins(run, place));
  const rows = (perPlace[0] || []).map((bin, b) => [{text: `${wholeNumber(bin.from)}–${wholeNumber(bin.to)}`, sort: bin.from},
    numberCell(wholeNumber(bin.tokens), bin.tokens),
    ...perPlace.map(bins => numberCell(deltaNumber(bins[b].value), bins[b].value, "no token is scored here"))]);
  return dataTable(columns, rows, {caption: "ΔNLL by position, in nats a token", sortable: true, tall: true});
}

// Says which settings have no such numbers.
function withoutNumbers({run, without}) {
  if (without.length === 0) return "";
  return `No numbers for ${listed(without.map(place => run.instances[place].label))}: samples failed, or the run did not keep them.`;
}

// A section with a choice of settings: restrict, what of a choice can be shown; chart of the state {choice}.
function chosenSection(id, restrict, makeChart, after = () => null) {
  const state = {choice: null};
  const without = element("p", {class: "said"});
  const below = element("div");
  let chart = null;
  const renew = choice => {
    state.choice = restrict(choice);
    without.textContent = withoutNumbers(state.choice);
    const made = after(state);
    below.replaceChildren(...(made === null ? [] : [made]));
    if (chart) chart.renew();
  };
  const {element: controls, choice} = instanceChoice(renew);
  renew(choice);
  chart = makeChart(state);
  sectionBody(id).append(controls, chart.element, without, below);
  return {state, chart, controls};
}

function showPositions() {
  chosenSection("positions", withPositions, state => new Chart("cost-by-position",
    "Lines of ΔNLL against the position in the document, one for each setting. The table below the chart has the same numbers.",
    (colours, width) => positionsFigure(state.choice, colours, width), () => positionsTable(state.choice)));
}
