// Which documents are hurt.

// ΔNLL of a sample in nats a token; null where one of the two has no result.
function sampleDelta(run, place, at) {
  const [own, base] = [run.instances[place].nll[at], run.instances[0].nll[at]];
  return own === null || base === null ? null : (own - base) / run.samples.n_scored[at];
}

function whyNoDelta(run, place, at) {
  const sample = run.samples.index[at];
  const failed = instance => instance.failed.find(one => one.sample === sample);
  const failure = failed(run.instances[place]) || failed(run.instances[0]);
  return failure ? `failed: ${failure.reason}` : "no result";
}

const SAMPLE_AXES = {length: "length (predicted tokens)", index: "place in the data (from 0)"};

function samplesFigure({choice: {run, places}, axis}, colours, width) {
  const styles = instanceStyles(run, places, colours);
  const xs = axis === "length" ? run.samples.n_scored : run.samples.index;
  const data = places.map((place, i) => {
    const {label} = run.instances[place];
    const deltas = run.samples.index.map((_, at) => sampleDelta(run, place, at));
    return {type: "scatter", mode: "markers", name: shortText(label, 40), x: xs, y: deltas, marker: {...markerOf(styles[i]), size: 7, opacity: 0.75},
      text: deltas.map((delta, at) => `<b>${plainText(label)}</b><br>sample ${run.samples.index[at]}, ${counted(run.samples.n_scored[at], "token")}` +
        `<br>ΔNLL ${deltaNumber(delta)}${run.samples.first_words ? `<br>${shortText(run.samples.first_words[at], 60)}` : ""}`),
      hovertemplate: "%{text}<extra></extra>"};
  });
  return {data, layout: {xaxis: {title: {text: SAMPLE_AXES[axis]}, zeroline: false}, yaxis: {title: {text: "ΔNLL (nats a token)"}, zeroline: true,
    zerolinecolor: colours.ink}, showlegend: true, legend: legendLayout(width, true),
  height: 400 + 22 * Math.ceil(places.length / Math.max(1, Math.floor(width / 220))), margin: {l: 62, r: 16, t: 16, b: 56}}};
}

function samplesTable({choice: {run, places}}) {
  const words = run.samples.first_words;
  const columns = [{title: "Sample", hint: "its place in the data, from 0"}, {title: "Tokens", numeric: true, hint: "that are predicted"},
    ...places.map(place => ({title: run.instances[place].label, numeric: true})), ...(words ? [{title: "First words"}] : [])];
  const worst = at => Math.max(...places.map(place => sampleDelta(run, place, at) ?? -Infinity));
  const order = run.samples.index.map((_, at) => at);
  if (places.length > 0) {
    const key = order.map(worst);
    order.sort((a, b) => (key[b] === key[a] ? 0 : key[b] - key[a]) || a - b);
  }
  const rows = order.map(at => [{text: String(run.samples.index[at]), sort: run.samples.index[at]},
    numberCell(wholeNumber(run.samples.n_scored[at]), run.samples.n_scored[at]),
    ...places.map(place => {
      const delta = sampleDelta(run, place, at);
      return numberCell(deltaNumber(delta), delta, delta === null ? whyNoDelta(run, place, at) : null);
    }),
    ...(words ? [textCell(words[at], "words")] : [])]);
  return dataTable(columns, rows, {caption: "ΔNLL by sample in nats a token, the most hurt first", sortable: true, most: 100, tall: true});
}

function showSamples() {
  const {state, chart, controls} = chosenSection("samples", choice => choice, made => {
    made.axis = "length";
    return new Chart("cost-by-sample", "Points of ΔNLL, one for each sample and setting. The table below the chart has the same numbers.",
      (colours, width) => samplesFigure(made, colours, width), null);
  }, made => samplesTable(made));
  controls.prepend(radioSwitch("Across", [["length", "length"], ["index", "place in the data"]], "length",
    value => { state.axis = value; chart.renew(); }));
}
