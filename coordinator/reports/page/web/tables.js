// Tables, sorted by a click or the keyboard where they say so.

// A cell: {text, sort, title, reason, header, node, className}. sort: what the column is ordered by, the text if
// absent; null goes last. reason: why there is no number.
function cellElement(cell, isHeader) {
  const reason = cell.reason || null;
  const attributes = {class: cell.className || null, title: cell.title || reason};
  if (isHeader) attributes.scope = "row";
  const made = element(isHeader ? "th" : "td", attributes, cell.node || cell.text);
  if (reason) made.append(element("span", {class: "unseen"}, ` no number: ${reason}`));
  return made;
}

const sortKey = cell => cell.sort === undefined ? cell.text : cell.sort;

function compareCells(a, b) {
  const [left, right] = [sortKey(a), sortKey(b)];
  if (left === null || right === null) return left === right ? 0 : null;
  return typeof left === "number" && typeof right === "number"
    ? left - right : String(left).localeCompare(String(right), "en", {numeric: true});
}

// Rows in the order of a column; equal ones keep theirs, rows without a number come last either way.
function sortedRows(rows, column, ascending) {
  return rows.map((row, place) => ({row, place})).sort((a, b) => {
    const order = compareCells(a.row[column], b.row[column]);
    if (order === null) return sortKey(a.row[column]) === null ? 1 : -1;
    return (ascending ? order : -order) || a.place - b.place;
  }).map(one => one.row);
}

// columns: [{title, hint, numeric}]; rows: [[cell, ...]], the first cell names the row.
// options: caption; sortable; most: rows shown before a button is asked for the others; tall: scrolls in itself.
function dataTable(columns, rows, options) {
  const body = element("tbody");
  const more = element("p", {class: "more"});
  let shownRows = rows;
  let showAll = !options.most || rows.length <= options.most;

  function fill() {
    const visible = showAll ? shownRows : shownRows.slice(0, options.most);
    body.replaceChildren(...visible.map(row => element("tr", {}, row.map((cell, i) => {
      const made = cellElement(cell, i === 0);
      if (columns[i].numeric) made.classList.add("number");
      return made;
    }))));
    more.replaceChildren(...(showAll ? [] : [
      `${wholeNumber(options.most)} of ${counted(rows.length, "row")} are shown. `,
      element("button", {type: "button", onclick: () => { showAll = true; fill(); }}, "Show all"),
    ]));
  }

  const heads = columns.map((column, i) => {
    const attributes = {scope: "col", title: column.hint || null, class: column.numeric ? "number" : null};
    if (!options.sortable) return element("th", attributes, column.title);
    const head = element("th", {...attributes, "aria-sort": "none"});
    head.append(element("button", {type: "button", onclick: () => {
      const ascending = head.getAttribute("aria-sort") !== "ascending";
      for (const other of heads) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      shownRows = sortedRows(rows, i, ascending);
      fill();
    }}, column.title, element("span", {class: "arrow", "aria-hidden": "true"})));
    return head;
  });
  fill();
  const table = element("table", {}, element("caption", {}, options.caption), element("thead", {}, element("tr", {}, heads)), body);
  const scroller = element("div", {class: `scroller${options.tall ? " tall" : ""}`, tabindex: "0", role: "region",
    "aria-label": options.caption}, table);
  return element("div", {class: "table"}, scroller, more);
}

// ---- cells

const textCell = (text, className) => ({text, className});
const numberCell = (text, value, reason, title) => ({text, sort: value, reason: value === null ? reason : null, title});

// Of the numbers of an instance: "perplexity" with its reason.
function measuredCell(instance, key, show, title) {
  const value = instance[key];
  return numberCell(show(value), value, instance[`${key}_reason`], title ? title(value) : null);
}

// A number with its interval below it.
function withIntervalCell(value, interval, reason, intervalReason, show = deltaNumber) {
  if (value === null) return numberCell(ABSENT, null, reason);
  const below = element("span", {class: "interval", title: interval === null ? intervalReason : null},
    interval === null ? "no interval" : endsText(interval, show));
  if (interval === null && intervalReason) below.append(element("span", {class: "unseen"}, `: ${intervalReason}`));
  return {text: show(value), sort: value, node: [show(value), " ", below]};
}
