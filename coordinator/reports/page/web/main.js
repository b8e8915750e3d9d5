// The page: its data, and its sections in their order.
const page = JSON.parse(document.getElementById("data").textContent);

function showContents() {
  const list = document.getElementById("contents");
  for (const section of document.querySelectorAll("main > section"))
    list.append(element("li", {}, element("a", {href: `#${section.id}`}, section.dataset.short)));
}

startTheme();
if (!hasWorstTokens()) removeSection("tokens");
showContents();
showTitle();
showNotices();
showResults();
showTradeoff();
showEqualDensity();
showDifferences();
showPositions();
showHeads();
showSamples();
showWorstTokens();
showOverview();
showGlossary();
