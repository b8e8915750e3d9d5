// Which instances a section shows: with two hundred, all at once say nothing.
const MOST_SIDE_BY_SIDE = 12;
const CHOICE_DENSITIES = [0.75, 0.5, 0.25, 0.1];

// Of each line the instance whose queries read closest to the share `density` of the keys.
function nearestOfEachLine(run, density) {
  return run.lines.flatMap(line => {
    const points = line.points.filter(place => run.instances[place].attended_density !== null);
    if (points.length === 0) return [];
    const distance = place => Math.abs(run.instances[place].attended_density - density);
    return [points.reduce((best, place) => distance(place) < distance(best) ? place : best)];
  });
}

function choiceOptions(runs) {
  return runs.flatMap((run, r) => {
    const of = runs.length > 1 ? ` (${run.name})` : "";
    return [
      ...CHOICE_DENSITIES.map(density => ({value: `${r}:density:${density}`, group: `One setting of each method${of}`,
        text: `nearest to ${shareText(density, 0)} of the keys read`})),
      ...run.lines.map((line, l) => ({value: `${r}:line:${l}`, group: `All settings of a method${of}`,
        text: `${line.label} (${line.points.length})`})),
    ];
  });
}

// {run, places, left_out}: instances with results, at most MOST_SIDE_BY_SIDE of them.
function chosenInstances(value) {
  const [r, kind, what] = value.split(":");
  const run = page.runs[r];
  const all = kind === "density" ? nearestOfEachLine(run, Number(what)) : run.lines[what].points;
  const usable = all.filter(place => run.instances[place].nll.some(nll => nll !== null));
  return {run, places: usable.slice(0, MOST_SIDE_BY_SIDE), leftOut: usable.length - Math.min(usable.length, MOST_SIDE_BY_SIDE),
    without: all.filter(place => !usable.includes(place))};
}

// A select, and a line that says what is shown. onchange gets what chosenInstances returns.
function instanceChoice(onchange) {
  const first = "0:density:0.5";
  const said = element("p", {class: "said"});
  const tell = choice => {
    const parts = [];
    if (choice.places.length === 0) parts.push("None of these settings has results.");
    if (choice.leftOut > 0) parts.push(`The first ${MOST_SIDE_BY_SIDE} are shown, ${choice.leftOut} are not: choose one method to see its settings.`);
    said.textContent = parts.join(" ");
  };
  const select = labelledSelect("Settings", choiceOptions(page.runs), first, value => {
    const choice = chosenInstances(value);
    tell(choice);
    onchange(choice);
  });
  const choice = chosenInstances(first);
  tell(choice);
  return {element: element("div", {class: "controls"}, select, said), choice};
}
