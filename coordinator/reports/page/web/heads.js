// How many keys each KV head keeps, as maps side by side with one scale.
function withHeads(choice) {
  const usable = place => choice.run.instances[place].kept_per_head.length > 0 && choice.run.instances[place].keys_original !== null;
  return {...choice, places: choice.places.filter(usable), without: [...choice.without, ...choice.places.filter(place => !usable(place))]};
}

// The layers that evict.
function evictingLayers({n_layers: layers, sliding_layers: sliding}) {
  return Array.from({length: layers}, (_, layer) => layer).filter(layer => !(sliding ?? []).includes(layer));
}

// [layer that evicts][head], shares. Every head has seen as many keys as another.
function keptShares(run, place) {
  const {n_kv_heads: heads} = run.model, layers = evictingLayers(run.model).length;
  const {kept_per_head: kept, keys_original: all} = run.instances[place];
  const seen = all / (layers * heads);
  return Array.from({length: layers}, (_, layer) => Array.from({length: heads}, (_, head) => kept[layer * heads + head] / seen));
}

function headsFigure({run, places}, colours, width) {
  const {n_kv_heads: heads} = run.model, evicting = evictingLayers(run.model), layers = evicting.length;
  const columns = Math.max(1, Math.min(places.length, Math.floor(width / 250)));
  const rows = Math.max(1, Math.ceil(places.length / columns));
  const mapHeight = Math.min(420, Math.max(120, layers * 12));
  const height = rows * (mapHeight + 74) + 20;
  const grid = panels(places.length, columns, 0.06, rows === 1 ? 0 : 74 / (height - 90) * 1.1);
  const data = [], annotations = [], axes = {};
  places.forEach((place, i) => {
    const domain = grid.domain(i);
    const shares = keptShares(run, place);
    const {label} = run.instances[place];
    data.push({type: "heatmap", z: shares, xaxis: axisName("x", i), yaxis: axisName("y", i), coloraxis: "coloraxis", xgap: 1, ygap: 1, y: evicting.map(String),
      text: shares.map((row, layer) => row.map((share, head) =>
        `<b>${plainText(label)}</b><br>layer ${evicting[layer]}, KV head ${head}<br>${shareText(share)} kept`)), hovertemplate: "%{text}<extra></extra>"});
    axes[axisName("x", i).replace("x", "xaxis")] = {domain: domain.x, anchor: axisName("y", i), title: {text: "KV head", standoff: 6}, showgrid: false,
      zeroline: false, tick0: 0, dtick: Math.max(1, Math.ceil(heads / 8))};
    axes[axisName("y", i).replace("y", "yaxis")] = {domain: domain.y, anchor: axisName("x", i), title: {text: i % columns === 0 ? "layer" : ""}, showgrid: false,
      zeroline: false, autorange: "reversed", type: "category", tick0: 0, dtick: Math.max(1, Math.ceil(layers / 8))};
    annotations.push(panelTitle(shortText(label, Math.floor(width / columns / 9.5)), domain, colours));
  });
  return {data, layout: {...axes, annotations, height, margin: {l: 52, r: 16, t: 40, b: 50}, coloraxis: {cmin: 0, cmax: 1, colorscale: "Cividis",
    colorbar: {lenmode: "pixels", len: Math.min(mapHeight + 20, 220), y: 1, yanchor: "top", title: {text: "kept", font: {color: colours.ink}}, tickformat: ".0%", thickness: 14, outlinewidth: 0, tickfont: {color: colours.ink}}}}};
}

function headsTable({run, places}) {
  const columns = [{title: "Layer", numeric: false}, ...Array.from({length: run.model.n_kv_heads}, (_, head) => ({title: `head ${head}`, numeric: true}))];
  return element("div", {}, places.map(place => dataTable(columns, keptShares(run, place).map((row, layer) =>
    [{text: String(evictingLayers(run.model)[layer]), sort: layer}, ...row.map(share => numberCell(shareText(share), share))]),
  {caption: `${run.instances[place].label}: keys kept by layer and KV head`, tall: true})));
}

function showHeads() {
  chosenSection("heads", withHeads, state => new Chart("keys-kept-by-head",
    "Maps of the share of keys that each KV head of each layer keeps, one for each setting. The tables below the chart have the same numbers.",
    (colours, width) => headsFigure(state.choice, colours, width), () => headsTable(state.choice)));
}
