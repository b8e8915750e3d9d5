// Methods where they read the same share of the keys.
function equalDensityCell(entry, lowest) {
  if (!entry) return {text: ABSENT, sort: null, reason: "not asked for in this run"};
  const cell = withIntervalCell(entry.avg_nll_delta, entry.ci95, entry.avg_nll_delta_reason, entry.ci95_reason);
  if (entry.avg_nll_delta !== null && entry === lowest) {
    cell.className = "lowest";
    cell.node = [element("strong", {}, cell.text), element("span", {class: "tag"}, "lowest"), " ", ...cell.node.slice(2)];
  }
  return cell;
}

function showEqualDensity() {
  const body = sectionBody("equal-density");
  const several = page.runs.length > 1;
  const densities = [...new Set(page.runs.flatMap(run => run.equal_density.map(entry => entry.density)))].sort((a, b) => b - a);
  if (densities.length === 0) {
    body.append(note("No method was run with two or more settings, so nothing can be read off between them. A list of values, as in --compression_ratio 0.25,0.5,0.75, makes a sweep."));
    return;
  }
  const rows = page.runs.flatMap(run => {
    const at = density => run.equal_density.filter(entry => entry.density === density && entry.avg_nll_delta !== null);
    const lowest = new Map(densities.map(density => {
      const found = at(density);
      return [density, found.length < 2 ? null : found.reduce((best, one) => one.avg_nll_delta < best.avg_nll_delta ? one : best)];
    }));
    const labels = [...new Set(run.equal_density.map(entry => entry.label))];
    return labels.map(label => [textCell(label), ...(several ? [textCell(run.name)] : []), ...densities.map(density =>
      equalDensityCell(run.equal_density.find(entry => entry.label === label && entry.density === density), lowest.get(density)))]);
  });
  const columns = [{title: "Method"}, ...(several ? [{title: "Run"}] : []),
    ...densities.map(density => ({title: `${shareText(density, 0)} read`, numeric: true}))];
  body.append(dataTable(columns, rows, {caption: "ΔNLL at the same attended density, in nats a token", sortable: true}));
  const missing = page.runs.some(run => run.equal_density.some(entry => entry.avg_nll_delta === null));
  if (missing) body.append(note(`${ABSENT} : a sweep does not reach this density on both sides, and nothing is guessed beyond its ends. Point at the dash for the reason.`, "quiet"));
}
