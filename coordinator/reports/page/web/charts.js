// Charts, drawn by plotly.js when they come into view; each with its downloads and its table.

// plotly.js reads tags and entities in text; what comes from outside is only to be shown.
const plainText = text => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
const shortText = (text, most) => plainText(text.length > most ? `${text.slice(0, most - 1)}…` : text);

const PLOTLY_CONFIG = {displayModeBar: false, displaylogo: false, responsive: false, showTips: false};
const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";
const allCharts = [];

const axisStyle = colours => ({gridcolor: colours.faint, zerolinecolor: colours.faint, linecolor: colours.faint,
  tickfont: {color: colours.ink}, title: {font: {color: colours.ink}}, automargin: true});

// Fills in what all charts have in common. figure: {data, layout}, axes as `xaxis`, `yaxis2`, ...
function styled(figure, colours, width) {
  const layout = {...figure.layout, width, paper_bgcolor: colours.paper, plot_bgcolor: colours.paper,
    font: {family: FONT, size: 13, color: colours.ink}, hovermode: figure.layout.hovermode || "closest",
    hoverlabel: {align: "left", font: {family: FONT}},
    dragmode: window.matchMedia("(pointer: coarse)").matches ? false : "zoom"};
  for (const key of Object.keys(layout)) {
    if (!/^[xy]axis\d*$/.test(key)) continue;
    const style = axisStyle(colours);
    layout[key] = {...style, ...layout[key], title: {...style.title, ...layout[key].title}};
  }
  return {data: figure.data, layout, config: PLOTLY_CONFIG};
}

function save(url, name) {
  const link = element("a", {href: url, download: name});
  document.body.append(link);
  link.click();
  link.remove();
}

class Chart {
  // make(colours, width, forFile): {data, layout}. makeTable: an element with the same numbers, null if the section
  // shows them itself. name: of downloaded files.
  constructor(name, description, make, makeTable) {
    this.make = make;
    this.name = name;
    this.plot = element("div", {class: "plot", role: "img", "aria-label": description});
    this.status = element("span", {class: "unseen", role: "status"});
    this.table = makeTable && folded("The numbers of this chart as a table", makeTable);
    const button = format => element("button", {type: "button", onclick: () => this.download(format)},
      `Save as ${format.toUpperCase()}`);
    this.element = element("figure", {class: "chart"}, this.plot,
      element("div", {class: "tools"}, button("svg"), button("png"), this.status), this.table);
    this.isDrawn = false;
    this.width = 0;
    allCharts.push(this);
    new IntersectionObserver((entries, observer) => {
      if (!entries.some(entry => entry.isIntersecting)) return;
      observer.disconnect();
      this.draw();
    }, {rootMargin: "300px"}).observe(this.plot);
    new ResizeObserver(() => { if (this.isDrawn && this.plot.clientWidth !== this.width) this.draw(); }).observe(this.plot);
  }

  draw(width = this.plot.clientWidth) {
    if (width === 0) return;
    this.isDrawn = true;
    this.width = width;
    const colours = chartColours(isDark());
    const figure = styled(this.make(colours, width, false), colours, width);
    Plotly.react(this.plot, figure.data, figure.layout, figure.config);
  }

  // After a switch.
  renew() {
    if (this.isDrawn) this.draw();
    if (this.table) this.table.renew();
  }

  // On white, with a legend, whatever the page looks like.
  async download(format) {
    const colours = chartColours(false);
    const width = 1000;
    const figure = styled(this.make(colours, width, true), colours, width);
    const url = await Plotly.toImage(figure, {format, width, height: figure.layout.height, scale: format === "png" ? 2 : 1});
    save(url, `${this.name}.${format}`);
    this.status.textContent = `${this.name}.${format} is saved`;
  }
}

themeListeners.push(() => { for (const chart of allCharts) if (chart.isDrawn) chart.draw(); });

// Paper is white and as wide as it is; charts that were not in view yet are drawn too.
const PAPER_WIDTH = 680;
window.addEventListener("beforeprint", () => {
  printing = true;
  document.documentElement.dataset.theme = "light";
  for (const chart of allCharts) if (chart.plot.isConnected) chart.draw(PAPER_WIDTH);
});
window.addEventListener("afterprint", () => {
  printing = false;
  applyTheme();
});

// ---- what the charts of lines and points share

// How an instance or a line looks: colour and marker by method, the same in all runs of the page; dashes by the line of
// the method.
function lineStyle(run, line, colours) {
  const methods = [...new Set(page.runs.flatMap(one => one.lines).map(one => one.method_name))];
  const method = methods.indexOf(line.method_name);
  const sibling = run.lines.filter(one => one.method_name === line.method_name).indexOf(line);
  return {colour: colours.lines[method % colours.lines.length], marker: MARKERS[method % MARKERS.length],
    sign: MARKER_SIGNS[method % MARKER_SIGNS.length],
    dash: DASHES[(sibling + Math.floor(method / colours.lines.length)) % DASHES.length]};
}

const markerOf = style => ({color: style.colour, symbol: style.marker, size: 9});
const lineOfPlace = (run, place) => run.lines.find(line => line.points.includes(place));

// Instances that stand side by side: those of one line are told apart by dashes and markers.
function instanceStyles(run, places, colours) {
  const lines = places.map(place => lineOfPlace(run, place));
  const isOneEach = new Set(lines).size === lines.length;
  return places.map((place, i) => isOneEach ? lineStyle(run, lines[i], colours) : {
    colour: colours.lines[i % colours.lines.length], marker: MARKERS[i % MARKERS.length],
    dash: DASHES[i % DASHES.length]});
}

function legendLayout(width, below) {
  return width < 700 || below ? {orientation: "h", y: -0.22, yanchor: "top", x: 0} : {orientation: "v", x: 1.02, y: 1};
}
