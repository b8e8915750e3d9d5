// Light, dark, and paper; and the colours of methods, after Okabe and Ito (2008), which the colour-blind tell apart.
const systemIsDark = window.matchMedia("(prefers-color-scheme: dark)");
const themeListeners = [];
let printing = false;

// On white, yellow cannot be seen, so it is not used there; black and white are the baseline's.
const LIGHT_COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"];
const DARK_COLOURS = ["#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#F0E442", "#D55E00"];
const MARKERS = ["circle", "square", "diamond", "triangle-up", "cross", "x", "star", "triangle-down"];
const MARKER_SIGNS = ["●", "■", "◆", "▲", "✚", "✖", "★", "▼"];
const DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"];

function storedTheme() {
  try { return localStorage.getItem("kvcompare-theme") || "auto"; } catch { return "auto"; }
}

function storeTheme(theme) {
  try { localStorage.setItem("kvcompare-theme", theme); } catch { /* some browsers keep nothing of a file:// page */ }
}

const chosenTheme = () => document.documentElement.dataset.choice || "auto";
const isDark = () => !printing && (chosenTheme() === "dark" || (chosenTheme() === "auto" && systemIsDark.matches));

function applyTheme() {
  document.documentElement.dataset.theme = isDark() ? "dark" : "light";
  for (const listener of themeListeners) listener();
}

function startTheme() {
  const select = document.getElementById("theme");
  document.documentElement.dataset.choice = select.value = storedTheme();
  select.addEventListener("change", () => {
    document.documentElement.dataset.choice = select.value;
    storeTheme(select.value);
    applyTheme();
  });
  systemIsDark.addEventListener("change", applyTheme);
  document.documentElement.dataset.theme = isDark() ? "dark" : "light";
}

// Colours of a chart. dark: of the page as it is, unless a picture for paper is made.
function chartColours(dark) {
  return dark
    ? {lines: DARK_COLOURS, ink: "#e8eaed", faint: "#3a4048", baseline: "#ffffff", paper: "#181b20"}
    : {lines: LIGHT_COLOURS, ink: "#1b1f24", faint: "#d8dce1", baseline: "#000000", paper: "#ffffff"};
}

function withAlpha(hex, alpha) {
  const parts = [1, 3, 5].map(at => parseInt(hex.slice(at, at + 2), 16));
  return `rgba(${parts.join(",")},${alpha})`;
}
