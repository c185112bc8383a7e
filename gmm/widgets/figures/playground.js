// A place to fit: draw samples, or bring a table; choose the number of components and the structure; fit in a worker.
// info: sets to begin with, each with name, X (or draw: n and a mixture), labels, python (how to load it, if one can).
// needs: fitting
(globalThis.gmmFigures ??= []).push(["playground", (figure, info) => {
"use strict";
const { kernels } = figure, { number, mix, element, set } = gmmLive, { STRUCTURES, drawSamples, fitMixture, beside, canvas, cloud, raster, rows, around } = gmmFitting;
const most = 6, largest = 50000, brush = 14;
// Samples stay out of the state, so that no address holds them: the state has their place in this list. A fit likewise,
// and the pen is somewhere between the limits of the axes.
const sets = [], fits = [];
const flat = (values, n) => Object.assign(Float64Array.from(values), { shape: [n, 2] });
function prepared(name, X, labels, python, more = {}) {
  const n = X.length / 2, data = flat(X, n);
  const digits = [0, 1].map(j => {
    const range = around(data)[j];
    return Math.min(9, Math.max(0, 2 - Math.floor(Math.log10(range[1] - range[0]))));
  });
  return { name, X: data, n, labels, python, limits: around(data), digits, own: true, ...more };
}
const add = (...all) => sets.push(prepared(...all)) - 1;
// The sets that are given are made when one is looked at: to draw thousands of samples takes a moment.
for (const one of info.sets)
  sets.push({ own: false, make: () => prepared(one.name, one.draw ? drawSamples(kernels, one.draw.n, one.draw, 1) : one.X.flat(), one.labels, one.python, { own: false }) });
const given = sets.length;
figure.state = { data: 0, K: 2, structure: "full", starts: 10, show: "groups", mode: "look", pen: [0.5, 0.5], fit: -1 };
const S = () => figure.state, now = () => sets[S().data].make ? sets[S().data] = sets[S().data].make() : sets[S().data], fit = () => fits[S().fit];
figure.check = s => { // samples and fits of another visit are not here
  if (!(Number.isInteger(s.data) && s.data >= 0 && s.data < given)) s.data = 0;
  s.K = Math.min(most, Math.max(1, Math.round(s.K) || 2));
  if (!STRUCTURES.includes(s.structure)) s.structure = "full";
  s.starts = Math.min(50, Math.max(1, Math.round(s.starts) || 10));
  s.fit = -1;
};

// ------------------------------------------------------------------------------------------------ samples
function use(place, mode) {
  stop();
  Object.assign(S(), { data: place, fit: -1, pen: [0.5, 0.5] }, mode ? { mode } : {});
}
function drawn(points) { // more samples, drawn by hand
  const old = now(), X = [...old.X, ...points.flat().map(v => +v.toPrecision(6))];
  if (X.length / 2 > largest) throw new Error(`${largest} samples are the most that this page takes.`);
  const name = old.name.endsWith("drawn by hand") ? old.name : old.n ? `${old.name} and some drawn by hand` : "drawn by hand";
  const place = add(name, X, old.labels, null, { limits: old.limits, digits: old.digits });
  stop();
  Object.assign(S(), { data: place, fit: -1 });
}

// A table as text: a header or none; commas, semicolons, tabs or blanks between; a decimal comma where it is no separator.
function parse(text) {
  const lines = text.replace(/^\uFEFF/, "").split(/\r\n|\r|\n/).map((line, i) => [line.trim(), i]).filter(([line]) => line && !line.startsWith("#"));
  if (!lines.length) throw new Error("There is no table in it: the text is empty.");
  if (lines.length > largest + 1) throw new Error(`The table has ${lines.length} lines; this page takes at most ${largest}. Take a part of it, or fit it with gmm in Python.`);
  const first = lines[0][0], separator = ["\t", ";", ","].find(mark => first.includes(mark)) || /\s+/;
  const cells = line => {
    if (typeof separator !== "string" || !line.includes('"')) return line.split(separator).map(cell => cell.trim());
    const found = [""];
    let quoted = false;
    for (const letter of line) {
      if (letter === '"') quoted = !quoted;
      else if (letter === separator && !quoted) found.push("");
      else found[found.length - 1] += letter;
    }
    return found.map(cell => cell.trim());
  };
  let commas = false;
  const value = cell => {
    const comma = separator !== "," && /^[-+]?\d*,\d+(e[-+]?\d+)?$/i.test(cell), plain = comma ? cell.replace(",", ".") : cell;
    commas ||= comma;
    return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(plain) ? Number(plain) : NaN;
  };
  const table = lines.map(([line, i]) => [cells(line), i]), head = table[0][0];
  const names = head.every(cell => Number.isNaN(value(cell))) ? head : null;
  const body = names ? table.slice(1) : table;
  for (const [row, i] of body) if (row.length !== head.length)
    throw new Error(`Cannot read line ${i + 1}: it has ${row.length} ${row.length === 1 ? "column" : "columns"}, and the first line has ${head.length}.`);
  if (!body.length) throw new Error("The table has names of columns and no numbers below them.");
  const missing = cell => /^(|#?n\/?a|nan|null|none|\?|-)$/i.test(cell);
  // A column of numbers: more numbers than words. Others, such as names of species, are left out.
  const columns = head.map((_, j) => j).filter(j => body.filter(([row]) => !Number.isNaN(value(row[j]))).length > body.length / 2);
  const called = j => names?.[j] || `column ${j + 1}`;
  if (columns.length < 2) throw new Error(`Two columns of numbers are needed to draw samples in the plane; found ${columns.length ? `only one, ${called(columns[0])}` : "none"}.`);
  let skipped = 0;
  const kept = [];
  for (const [row, i] of body) {
    if (columns.some(j => missing(row[j]))) { skipped++; continue; }
    kept.push(columns.map(j => {
      const v = value(row[j]);
      if (!(Math.abs(v) < 1e100)) throw new Error(`Cannot read line ${i + 1}, ${called(j)}: “${row[j].slice(0, 30)}” is no number${Number.isNaN(v) ? "" : " that can be squared"}.`);
      return v;
    }));
  }
  if (!kept.length) throw new Error("Every line has an empty cell: no sample is left.");
  return { names: columns.map(called), kept, skipped, at: columns, separator: typeof separator === "string" ? separator : null, header: Boolean(names), plain: !commas && lines[0][1] === 0 };
}
function take(text, name) {
  const table = parse(text);
  choose(table, name, [0, 1]);
}
function choose(table, name, [a, b]) {
  const X = table.kept.flatMap(row => [row[a], row[b]]), usecols = `usecols=(${table.at[a]}, ${table.at[b]})`;
  const marks = table.separator ? `, delimiter="${table.separator === "\t" ? "\\t" : table.separator}"` : "";
  const python = !table.plain ? null : `X = numpy.genfromtxt("${name}"${marks}${table.header ? ", skip_header=1" : ""}, ${usecols})` + (table.skipped ? "; X = X[numpy.isfinite(X).all(axis=1)]" : "");
  use(add(name, X, [table.names[a], table.names[b]], python, { table, columns: [a, b] }), "look");
}

// ------------------------------------------------------------------------------------------------ a fit
let job = null, moving = null;
function stop() {
  job?.stop();
  job = moving = null;
}
function checked() {
  const { X, n, labels } = now(), { K } = S();
  if (n < 2) throw new Error(n ? "One sample is too few. Draw more of them, or bring a table." : "There are no samples yet. Draw some, or bring a table.");
  [0, 1].forEach(j => {
    if (X.every((v, i) => i % 2 !== j || v === X[j])) throw new Error(`All ${n} samples have the same value, ${X[j]}, of ${labels[j]}: a Gaussian in the plane needs some width. Choose another column.`);
  });
  const different = new Set();
  for (let i = 0; i < n && different.size <= 3 * K; i++) different.add(`${X[2 * i]},${X[2 * i + 1]}`);
  if (different.size < 3 * K) throw new Error(`${K} ${K === 1 ? "component needs" : "components need"} at least ${3 * K} different samples, three each; there are ${different.size}.`);
}
async function run() {
  if (job) { stop(); return figure.refresh(); }
  figure.pause();
  const s = S(), { X, n } = now();
  try { checked(); } catch (error) { return figure.say(error.message); }
  const asked = { data: s.data, K: s.K, structure: s.structure, starts: s.starts }, began = performance.now();
  const mine = job = beside(fitMixture, { X: new Float64Array(X), n, d: 2, ...asked, seed: 1, tol: 1e-6, limit: 2000 }, step => {
    moving = step;
    figure.refresh();
  });
  figure.refresh();
  try {
    const result = await mine.done;
    if (job !== mine) return;
    job = moving = null;
    const lost = result.runs.filter(one => one.status === "collapsed" || one.status === "empty").length;
    if (!result.best) throw new Error(`${s.starts === 1 ? "The start" : `All ${s.starts} starts`} ended with a component on a line or on one place, where the likelihood has no bound (chapter 13). Take fewer components, or another structure.`);
    const { best } = result;
    figure.change(() => {
      fits.push({ ...asked, ...result, lost, n, seconds: (performance.now() - began) / 1000, weights: Array.from(best.weights), means: rows(best.means, 2), covariances: rows(best.covariances, 2).reduce((all, row, i) => (i % 2 ? all.at(-1).push(row) : all.push([row]), all), []) });
      S().fit = fits.length - 1;
      S().mode = "look";
    });
  } catch (error) {
    if (job === mine) job = moving = null;
    figure.refresh();
    if (error.message !== "stopped") figure.say(error.message);
  }
}

// ------------------------------------------------------------------------------------------------ the parts
const plot = figure.plot({ label: "Samples and components", x: now().limits[0], y: now().limits[1], xlabel: now().labels[0], ylabel: now().labels[1], aspect: 0.75, narrow: 0.95 });
const trace = figure.plot({ label: "Log-likelihood over iterations, one line for each start", x: [0, 1], y: [0, 1], xlabel: "iteration", ylabel: "log-likelihood", aspect: 0.7, narrow: 0.45, yticks: 4, side: true });
const go = figure.button("Fit", run, { main: true, plain: true });
figure.choice("Components", Array.from({ length: most }, (_, k) => [k + 1, String(k + 1)]), () => S().K, K => { stop(); S().K = K; });
figure.choice("Structure", STRUCTURES.map(name => [name, name]), () => S().structure, structure => { stop(); S().structure = structure; });
figure.slider("Starts", { min: 1, max: 50, step: 1, get: () => S().starts, put: v => { S().starts = v; }, text: v => String(v) });
figure.choice("Show", [["groups", "groups"], ["density", "density"], ["samples", "samples"]], () => S().show, show => { S().show = show; });
figure.choice("Samples", info.sets.map((one, i) => [i, one.name]).concat([["own", "my own"]]), () => now().own ? "own" : S().data, which => {
  if (which !== "own") return use(which, "look");
  const last = sets.findLastIndex(one => one.own);
  use(last >= 0 ? last : add("drawn by hand", [], ["x", "y"], null, { limits: [[0, 10], [0, 10]], digits: [2, 2] }), last >= 0 ? "look" : "draw");
  more.open = true;
});
figure.choice("Pointer", [["look", "looks"], ["draw", "draws samples"]], () => S().mode, mode => { S().mode = mode; });

// Tables of the reader's own: from a file, dropped, or pasted.
const file = element("input", { type: "file", accept: ".csv,.tsv,.txt,text/csv,text/plain", "aria-label": "Open a table from a file" });
const area = element("textarea", { rows: 4, "aria-label": "A table, pasted", placeholder: "width, height\n1.2, 3.4\n2.3, 4.1", spellcheck: "false" });
const pasted = element("button", { type: "button" }, "Use this table"), empty = element("button", { type: "button" }, "Empty page");
const save = element("button", { type: "button" }, "Save samples");
const axes = element("p", { class: "gl-columns", hidden: true });
const more = element("details", { class: "gl-more" }, element("summary", {}, "Your own table"),
  element("p", {}, "Two columns of numbers, as a file (CSV, or separated by tabs, semicolons or blanks), dropped on the figure, or pasted below. It stays in this page: nothing is sent anywhere."),
  element("p", { class: "gl-row" }, file), area, element("p", { class: "gl-row" }, pasted, empty, save), axes);
file.addEventListener("change", () => { if (file.files[0]) read(file.files[0]); });
pasted.addEventListener("click", () => {
  figure.change(() => take(area.value, "table.csv"));
  figure.output.scrollIntoView({ block: "nearest" }); // what came of it stands below the figure
});
empty.addEventListener("click", () => figure.change(() => use(add("drawn by hand", [], ["x", "y"], null, { limits: [[0, 10], [0, 10]], digits: [2, 2] }), "draw")));
save.addEventListener("click", () => {
  const { X, n, labels } = now(), quoted = labels.map(label => `"${label.replaceAll('"', "'")}"`).join(",");
  const lines = [quoted, ...Array.from({ length: n }, (_, i) => `${X[2 * i]},${X[2 * i + 1]}`)];
  const link = element("a", { href: URL.createObjectURL(new Blob([lines.join("\n") + "\n"], { type: "text/csv" })), download: "samples.csv" });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
});
async function read(one) {
  if (one.size > 2e7) return figure.say(`The file ${one.name} has ${Math.round(one.size / 1e6)} MB; this page takes at most 20.`);
  const text = await one.text();
  figure.change(() => take(text, one.name.replace(/[^\w. -]/g, "_")));
  file.value = "";
}
for (const kind of ["dragover", "drop"]) figure.root.addEventListener(kind, event => {
  if (event.target === area && !event.dataTransfer.files.length) return;
  event.preventDefault();
  if (kind === "drop") {
    const [one] = event.dataTransfer.files, text = event.dataTransfer.getData("text");
    if (one) read(one);
    else if (text) figure.change(() => take(text, "table.csv"));
  }
});
function columns() { // which of the columns to draw, where a table has more than two
  const { table, columns: chosen } = now();
  const wanted = table && table.names.length > 2 ? JSON.stringify([S().data, table.names]) : "";
  if (axes.dataset.of === wanted) return;
  axes.dataset.of = wanted;
  axes.hidden = !wanted;
  axes.replaceChildren(...(wanted ? ["Across", "Up"].map((words, j) => {
    const select = element("select", { "aria-label": `${words}: column` }, ...table.names.map((name, i) => element("option", { value: i, selected: i === chosen[j] }, name)));
    select.addEventListener("change", () => figure.change(() => {
      const next = chosen.with ? chosen.with(j, +select.value) : chosen.map((v, m) => m === j ? +select.value : v);
      if (next[0] === next[1]) next[1 - j] = chosen[j];
      choose(table, now().name, next);
    }));
    return element("label", {}, words + " ", select);
  }) : []));
}

// What was tried, and how to do it in Python.
const body = element("tbody"), tried = element("table", { class: "gl-tried" }, element("thead", {}, element("tr", {}, ...["K", "structure", "ℓ", "p", "BIC"].map(head => element("th", { scope: "col" }, head)))), body);
figure.side.append(tried);
const code = element("pre", { tabindex: 0, role: "group", "aria-label": "Python" }), copy = element("button", { type: "button" }, "Copy");
const python = element("details", { class: "gl-more" }, element("summary", {}, "Show me the Python"), code, copy);
copy.addEventListener("click", async () => {
  try { await navigator.clipboard.writeText(code.textContent); figure.say("The two lines are copied."); } catch { figure.say("This browser does not let a page copy; mark the lines instead."); }
});
figure.side.append(more, python);
figure.syncs.push(() => {
  columns();
  go.textContent = job ? "Stop" : "Fit";
  const same = fits.filter(one => one.data === S().data).sort((a, b) => a.bic - b.bic).slice(0, 8);
  tried.hidden = !same.length;
  body.replaceChildren(...same.map(one => element("tr", { class: one === fit() ? "gl-now" : null },
    element("th", { scope: "row" }, String(one.K)), ...[one.structure, number(one.best.logLikelihood, 1), String(one.p), number(one.bic, 1)].map(words => element("td", {}, words)))));
  const { python: load, X, n } = now(), s = S();
  const list = () => `X = numpy.array([${Array.from({ length: n }, (_, i) => `[${X[2 * i]}, ${X[2 * i + 1]}]`).join(", ")}])`;
  code.textContent = `${load || (n && n <= 40 ? list() : 'X = numpy.genfromtxt("samples.csv", delimiter=",", skip_header=1)  # "Save samples" above')}
model = gmm.GaussianMixture(${s.K}, covariance_type="${s.structure}", n_init=${s.starts}, tol=1e-6, max_iter=2000, reg_covar="auto", on_collapse="restart", random_state=1).fit(X)`;
});

// ------------------------------------------------------------------------------------------------ drawing samples
let stroke = null;
function spot(p) { // a sample about a place of the picture, in the data's units
  const r = brush * Math.sqrt(-Math.log(1 - Math.random())) / 1.5, angle = 2 * Math.PI * Math.random();
  return plot.data([p[0] + r * Math.cos(angle), p[1] + r * Math.sin(angle)]);
}
plot.svg.addEventListener("pointerdown", event => {
  if (S().mode !== "draw" || event.button || event.target.closest(".gl-handle")) return;
  const p = plot.at(event);
  if (p[0] < plot.left || p[1] > plot.bottom) return;
  stroke = { id: event.pointerId, points: [plot.data(p)], last: p };
  plot.svg.setPointerCapture(event.pointerId);
});
plot.svg.addEventListener("pointermove", event => {
  if (!stroke || stroke.id !== event.pointerId) return;
  const p = plot.at(event);
  if (Math.hypot(p[0] - stroke.last[0], p[1] - stroke.last[1]) < 5) return;
  stroke.last = p;
  stroke.points.push(spot(p), spot(p));
  figure.refresh();
});
for (const end of ["pointerup", "pointercancel"]) plot.svg.addEventListener(end, event => {
  if (!stroke || stroke.id !== event.pointerId) return;
  const { points } = stroke;
  stroke = null;
  if (end === "pointerup") figure.change(() => drawn(points));
  else figure.refresh();
});

// ------------------------------------------------------------------------------------------------ the picture
const parameters = one => [one.weights, one.means, one.covariances];
const logDensity = one => points => kernels.mixture_log_density_kernel(points, ...parameters(one));
// As dark as the square root of the density, in units of its largest value.
const shade = found => {
  const top = found.reduce((a, b) => Math.max(a, b), -Infinity);
  return Array.from(found, v => 0.75 * Math.exp((v - top) / 2));
};
let painted = "", memory = null;
function paint(s, { X, n }, one) {
  const key = JSON.stringify([s.data, s.fit, s.show, plot.width, plot.height, plot.options.x, plot.options.y, getComputedStyle(figure.root).color, devicePixelRatio]);
  if (key === painted && !stroke) return;
  painted = stroke ? "" : key;
  const context = canvas(plot);
  if (one && s.show === "density") raster(plot, context, logDensity(one), shade);
  const colours = one && s.show === "groups" && n ? memory?.key === key ? memory.colours : mix(figure, kernels.e_step_kernel(X, ...parameters(one))[0].map(row => row.map(Math.exp))) : null;
  memory = { key, colours };
  if (n) cloud(plot, context, X, colours);
  if (stroke) cloud(plot, context, stroke.points.flat(), null);
}
figure.draw = s => {
  const data = now(), { X, n, limits, labels } = data, one = fit();
  Object.assign(plot.options, { x: limits[0], y: limits[1], xlabel: labels[0], ylabel: labels[1] });
  plot.begin();
  set(plot.svg, { style: s.mode === "draw" ? "touch-action: none; cursor: crosshair" : null });
  paint(s, data, one);
  const shown = moving && { weights: Array.from(moving.weights), means: rows(moving.means, 2), covariances: Array.from({ length: moving.K }, (_, k) => rows(moving.covariances.slice(4 * k, 4 * k + 4), 2)) } || one;
  shown?.means.forEach((mean, k) => {
    for (const radius of [1, 2]) plot.ellipse(`ring${k}-${radius}`, mean, shown.covariances[k], radius, "k" + k);
    plot.cross("centre" + k, mean, "p" + k);
  });
  const pen = s.pen.map((v, j) => limits[j][0] + v * (limits[j][1] - limits[j][0]));
  if (s.mode === "draw") plot.handle("pen", {
    at: pen, label: "Pen that draws samples", style: "pen", value: pen.map((v, j) => number(v, data.digits[j])).join(", ") + ", Enter draws a sample",
    drag: p => { S().pen = p.map((v, j) => (v - limits[j][0]) / (limits[j][1] - limits[j][0])); }, press: () => drawn([pen]),
  });

  const runs = one?.runs ?? [], kept = runs.filter(run => run.trace.length && run.status !== "collapsed" && run.status !== "empty");
  const ends = kept.map(run => run.logLikelihood), longest = Math.max(5, ...kept.map(run => run.trace.length - 1));
  const top = Math.max(...ends, kept.length ? -Infinity : 1), begin = kept.map(run => run.trace[Math.min(1, run.trace.length - 1)]), low = kept.length ? Math.min(...begin, ...ends) : 0;
  const pad = 0.08 * (top - low) || 1;
  Object.assign(trace.options, { x: [0, longest], y: [low - pad, top + pad] });
  trace.begin();
  kept.forEach((run, i) => {
    const best = run.logLikelihood === top;
    trace.line("run" + i, run.trace.map((v, t) => [t, Math.max(v, low - pad)]), best ? "" : "thin grey", best ? "front" : "data");
  });

  const about = `${data.name}: ${n} samples${data.table?.skipped ? `, ${data.table.skipped} lines with an empty cell left out` : ""}.`;
  if (job) return figure.say(moving ? `Start ${moving.start + 1} of ${s.starts}, iteration ${moving.iteration}: log-likelihood ${number(moving.logLikelihood, 1)}.` : "Fitting …");
  if (!one) return figure.say(`${about} Choose the number of components, and press Fit.`);
  const alike = ends.filter(v => Math.abs(v - top) < 1e-4 * n).length, lost = one.lost ? ` ${one.lost} collapsed and ${one.lost === 1 ? "was" : "were"} set aside.` : "";
  figure.say(`${one.K} × ${one.structure}: log-likelihood ${number(one.best.logLikelihood)}, ${one.p} parameters, BIC ${number(one.bic)}, ICL ${number(one.icl)}. ${alike} of ${one.starts} starts reached it.${lost} A millionth of the variances was added to the diagonals.`);
};
}]);
