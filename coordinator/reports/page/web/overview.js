// What was compared, and what a reader must know before the numbers.
const hash = text => text ? element("span", {title: text, class: "hash"}, `${text.slice(0, 12)}…`) : ABSENT;
const lines = parts => parts.filter(part => part !== null && part !== "").flatMap((part, i) => i === 0 ? [part] : [element("br"), part]);
const distinct = values => [...new Set(values.filter(value => value !== undefined && value !== ""))];

// A name, and where it was found unless the place ends with the name.
const places = (name, place) => !place || place === name ? [name] : place.endsWith(`/${name.replace(/^\.\//, "")}`) ? [place] : [name, place];

function modelSizes({model}) {
  if (!model.n_layers) return null;
  return `${wholeNumber(model.n_layers)} layers, ${counted(model.n_heads, "query head")} and ${counted(model.n_kv_heads, "KV head")} of ` +
    `${wholeNumber(model.head_dim)}, hidden size ${wholeNumber(model.hidden_size)}, vocabulary ${wholeNumber(model.vocab_size)}`;
}

function samplesText(run) {
  const n_scored = run.samples.index.length;
  const parts = [`${counted(run.n_samples, "sample")}, ${wholeNumber(n_scored)} of them scored`];
  if (run.skipped.length > 0) parts.push(`${wholeNumber(run.skipped.length)} skipped, without a scored token: ${samplesNamed(run.skipped)}`);
  if (run.truncated.samples > 0) parts.push(`${wholeNumber(run.truncated.samples)} cut at ${wholeNumber(run.flags.max_length)} tokens (${counted(run.truncated.tokens, "token")} not computed)`);
  if (run.bad_lines.length > 0) parts.push(`${counted(run.bad_lines.length, "bad line")} left out`);
  return parts;
}

function samplesNamed(indices) {
  const shown = indices.slice(0, 10).join(", ");
  return indices.length > 10 ? `${shown} and ${indices.length - 10} more` : shown;
}

const predictedTokens = run => run.samples.n_scored.reduce((sum, n) => sum + n, 0);

function protocolText({flags}) {
  const afterEvery = `keys are evicted after every ${flags.chunk_size === 1 ? "token" : `chunk of ${wholeNumber(flags.chunk_size)} tokens`}`;
  const context = {undefined: "the context that the data names, or the whole sample,", all: "the whole sample"}[flags.context_length] || `a context of ${flags.context_length} tokens`;
  if (flags.protocol === "prefill") return `prefill: ${context} is read at once, and keys are evicted once, at its end`;
  if (flags.protocol === "generate") return `generate: ${context} is read at once and never evicted; then ${afterEvery}${flags.budget_counts === "generated" ? "; budgets count the keys after the context" : ""}`;
  return `decode: ${afterEvery}`;
}

function datesText(run) {
  const {sessions} = run;
  if (sessions.length === 0) return ABSENT;
  const last = sessions[sessions.length - 1];
  const parts = [last.finished ? `${dateText(sessions[0].started)} to ${dateText(last.finished)}` : dateText(sessions[0].started)];
  const seconds = sessions.reduce((sum, session) => sum + (session.evaluate_seconds || 0), 0);
  if (seconds > 0) parts.push(`${durationText(seconds)} of evaluation`);
  if (sessions.length > 1) parts.push(`${wholeNumber(sessions.length)} sessions`);
  return lines(parts);
}

function machineText(run) {
  const {sessions, numerics} = run;
  const crew = sessions.map(({processes, workers, threads}) => `${counted(processes, "process").replace("processs", "processes")}, ${counted(workers, "worker")}, ${counted(threads, "thread")} each`);
  return lines([distinct(sessions.map(session => session.host)).join(", "), distinct(numerics.map(one => one.processor)).join(", "),
    distinct(crew).join("; "), distinct(numerics.flatMap(one => [one.instruction_set, one.cpu_capability, one.mkl, one.cuda])).join(", ")]);
}

function versionsText(run) {
  const of = (name, key) => distinct(run.sessions.map(session => session.versions[key])).map(version => `${name} ${version}`).join(", ");
  return lines([of("kvcompare", "kvcompare"), of("commit", "commit"), of("libtorch", "libtorch"), distinct(run.sessions.map(session => session.versions.compiler)).join(", ")]);
}

// places: by the hash of what lies there
function hashedPlaces(places) {
  const rows = Object.entries(places || {});
  return rows.length ? lines(rows.map(([sha256, place]) => `${sha256.slice(0, 8)}: ${place}`)) : null;
}

// [name, text that decides whether runs differ, what is shown]
function properties(run) {
  const {flags, inputs} = run;
  const first = run.sessions[0];
  return [
    ["Model", inputs.model_sha256 || run.model_name, lines([...places(run.model_name, run.places.model_name), modelSizes(run)])],
    ["Data", inputs.data_sha256 || run.data_path, lines(places(run.data_path, run.places.data_path))],
    ["Samples", null, lines(samplesText(run))],
    ["Scored tokens", null, lines([counted(predictedTokens(run), "token"), run.scored_note])],
    ["Protocol", protocolText(run), protocolText(run)],
    ["Longest sample", String(flags.max_length), `at most ${counted(flags.max_length, "token")} (max_length)`],
    ["Computed in", `${flags.dtype} ${flags.device}`, `${flags.dtype} on ${flags.device || "a device that is not known"}, engine ${flags.engine}`],
    ["Machine", null, machineText(run)],
    ["Date", null, datesText(run)],
    ["Versions", null, versionsText(run)],
    ["KVzap scorers", String(inputs.kvzap_scorer_sha256 || ""), hashedPlaces(run.places.kvzap_scorers)],
    ["External scores", String(inputs.external_scores_sha256 || ""), hashedPlaces(run.places.external_scores)],
    ["Weights, SHA-256", null, hash(inputs.model_sha256)],
    ["Tokenizer, SHA-256", inputs.tokenizer_sha256 || "", inputs.tokenizer_sha256 ? hash(inputs.tokenizer_sha256) : "none: the data holds token ids"],
    ["Tokens, SHA-256", null, hash(inputs.data_sha256)],
    ["Fingerprint", null, hash(run.fingerprint)],
    ["Made by", null, first ? element("code", {class: "command"}, first.command) : null],
    ["To repeat it", null, element("code", {class: "command"}, run.rerun)],
  ];
}

function overviewTable() {
  const perRun = page.runs.map(properties);
  const rows = perRun[0].map((_, i) => {
    const cells = perRun.map(all => all[i]);
    if (cells.every(([, , shown]) => shown === null)) return null;
    const differs = new Set(cells.map(([, key]) => key)).size > 1;
    return [{text: cells[0][0], className: "property", node: differs ? [cells[0][0], " ", element("span", {class: "tag"}, "differs")] : cells[0][0]},
      ...cells.map(([, , shown]) => ({text: "", node: shown === null ? ABSENT : shown}))];
  }).filter(row => row !== null);
  return dataTable([{title: "Property"}, ...page.runs.map(run => ({title: run.name}))], rows, {caption: "Model, data, protocol and machine"});
}

function listTable(caption, titles, rows) {
  return dataTable(titles.map(title => ({title})), rows.map(row => row.map(text => textCell(String(text)))), {caption, most: 100});
}

const named = run => page.runs.length > 1 ? `${run.name}: ` : "";
const failuresOf = run => run.instances.flatMap(instance => instance.failed.map(failure => ({instance, ...failure})));

function showOverview() {
  const body = sectionBody("overview");
  body.append(overviewTable());
  for (const run of page.runs) {
    const failures = failuresOf(run);
    if (failures.length > 0)
      body.append(listTable(`${named(run)}Samples that failed`, ["Method", "Sample", "Reason", "Attempts"],
        failures.map(({instance, sample, reason, attempts}) => [instance.label, sample, reason, attempts])));
    if (run.bad_lines.length > 0)
      body.append(listTable(`${named(run)}Lines of the data that were left out`, ["Line", "Problem"], run.bad_lines.map(({line, problem}) => [line, problem])));
    if (run.sessions.length > 1)
      body.append(listTable(`${named(run)}Sessions`, ["Started", "Host", "Command"], run.sessions.map(({started, host, command}) => [dateText(started), host, command])));
  }
}

// ---- above everything

function showTitle() {
  const [first] = page.runs;
  const shortName = path => path.replace(/\/+$/, "").split("/").pop();
  const title = page.runs.length === 1 ? `${shortName(first.model_name)} on ${shortName(first.data_path)}` : `${page.runs.length} runs side by side`;
  document.title = `${title} – kvcompare`;
  document.getElementById("title").textContent = title;
  const date = first.sessions.length > 0 ? `, ${dateText(first.sessions[0].started)}` : "";
  document.getElementById("subtitle").textContent = page.runs.length === 1
    ? `${counted(first.instances.length - 1, "setting")} of ${counted(new Set(first.lines.map(line => line.method_name)).size, "method")} against the baseline: ` +
      `${counted(first.samples.index.length, "sample")}, ${counted(predictedTokens(first), "predicted token")}, ${first.flags.protocol && first.flags.protocol !== "decode" ? `${first.flags.protocol}, ` : ""}${first.flags.protocol === "prefill" ? "" : `chunk size ${wholeNumber(first.flags.chunk_size)}, `}${first.flags.dtype}${date}`
    : listed(page.runs.map(run => run.name));
  document.getElementById("subtitle").append(". ", element("a", {href: "#overview"}, "All that was compared"));
}

const MOST_NOTICES = 8;  // of a kind; the others are folded away

function noticeList(kind, title, texts) {
  if (texts.length === 0) return null;
  const list = element("ul", {}, texts.slice(0, MOST_NOTICES).map(text => element("li", {}, text)));
  const rest = texts.slice(MOST_NOTICES);
  return element("section", {class: `notice ${kind}`, "aria-label": title}, element("h2", {}, title), list,
    rest.length > 0 ? folded(`${wholeNumber(rest.length)} more`, () => element("ul", {}, rest.map(text => element("li", {}, text)))) : null);
}

function showNotices() {
  const failures = page.runs.flatMap(run => run.instances.filter(instance => instance.failed.length > 0).map(instance =>
    `${named(run)}${instance.label}: ${counted(instance.failed.length, "sample")} failed, the first of them sample ${instance.failed[0].sample}: ${instance.failed[0].reason}`));
  const warnings = page.runs.flatMap(run => run.warnings.map(warning => `${named(run)}${warning.text}`));
  const limits = page.runs.length < 2 ? [] : ["ΔNLL is each run’s own difference from its own baseline. Curves stand side by side; samples of different runs are never subtracted from each other.",
    ...page.incomparable];
  document.getElementById("notices").append(...[noticeList("bad", "Failed samples", failures), noticeList("warn", "Warnings", warnings),
    noticeList("info", "What cannot be compared here", limits)].filter(one => one !== null));
}
