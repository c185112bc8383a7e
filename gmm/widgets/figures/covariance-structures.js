// One covariance structure after another on the same data, which can be turned and measured in other units.
// info: X, labels (the start: a component of each sample), K, truth (or null), axis_labels, names, structure
(globalThis.gmmFigures ??= []).push(["covariance-structures", (figure, info) => {
"use strict";
const { kernels } = figure, { number, mix, contour } = gmmLive, { X, K, names } = info, n = X.length, all = Array.from({ length: K }, (_, k) => k);
const quiet = matchMedia("(prefers-reduced-motion: reduce)");
// unit: the first feature is measured in units that make its numbers so many times larger; turn: in degrees, after that.
figure.state = { structure: info.structure, turn: 0, unit: 1 };
figure.check = s => {
  if (!names.includes(s.structure) || !(Math.abs(s.turn) <= 90) || !(s.unit > 0)) throw new Error("no such view");
};
const centre = Array.from(kernels.sample_mean_kernel(X)), begin = kernels.one_hot_kernel(info.labels, K), plain = v => typeof v === "number" ? v : Array.from(v, plain);
function moved(turn, unit) {
  const t = turn * Math.PI / 180, c = Math.cos(t), s = Math.sin(t);
  return X.map(p => {
    const u = unit * (p[0] - centre[0]), v = p[1] - centre[1];
    return [centre[0] + c * u - s * v, centre[1] + s * u + c * v];
  });
}

// The chapter's M-steps, all as matrices for the E-step.
const updates = {
  spherical: (...given) => plain(kernels.update_spherical_covariances_kernel(...given)).map(v => [[v, 0], [0, v]]),
  diag: (...given) => plain(kernels.update_diagonal_covariances_kernel(...given)).map(v => [[v[0], 0], [0, v[1]]]),
  tied: (...given) => { const one = plain(kernels.update_tied_covariance_kernel(...given)); return all.map(() => one); },
  full: (...given) => plain(kernels.update_covariances_kernel(...given)),
};
const known = new Map();
function fit({ structure, turn, unit }) {
  const key = [structure, turn, unit].join();
  if (known.has(key)) return known.get(key);
  const Y = moved(turn, unit);
  let resp = begin, before = -Infinity, done;
  for (let t = 0; t < 2000; t++) {
    const weights = plain(kernels.update_weights_kernel(resp)), means = plain(kernels.update_means_kernel(Y, resp)), covariances = updates[structure](Y, resp, means);
    if (kernels.singular_component_kernel(covariances) >= 0) throw new Error("A component collapses here (chapter 13).");
    const [logResp, log] = kernels.e_step_kernel(Y, weights, means, covariances);
    resp = logResp.map(row => Array.from(row, Math.exp));
    // In another unit a density is that much lower: so that fits can be compared, in the unit that was given.
    done = { Y, weights, means, covariances, resp, log: log + n * Math.log(unit) };
    if (log - before < 1e-7 * n) break;
    before = log;
  }
  if (known.size > 2000) known.clear();
  known.set(key, done);
  return done;
}

const plot = figure.plot({ label: "Samples and components", x: [0, 1], y: [0, 1], equal: true, aspect: 0.85, narrow: 0.95, xlabel: info.axis_labels[0], ylabel: info.axis_labels[1] });
const trace = figure.plot({ label: "Log-likelihood of each structure over the turn", x: [0, 90], y: [0, 1], side: true, aspect: 1.1, right: 16, xlabel: "turn (degrees)", ylabel: "log-likelihood", xtick: [0, 30, 60, 90].map(v => [v, String(v)]), yticks: 4 });
figure.choice("Covariances", names.map(name => [name, name]), () => figure.state.structure, structure => { figure.state.structure = structure; });
figure.slider("Turn", { min: 0, max: 90, step: 1, get: () => figure.state.turn, put: v => { figure.state.turn = v; }, text: v => `${v}°` });
figure.slider("Unit of the first feature", { min: -1, max: 1, step: 0.1, get: () => Math.log2(figure.state.unit), put: v => { figure.state.unit = 2 ** v; }, text: v => `numbers × ${number(2 ** v)}` });

// All structures at every turn, a few fits a frame, for the curves beside.
let curves = {}, asked = 0, begun = false, shown = 0;
const turns = Array.from({ length: 13 }, (_, i) => 7.5 * i);
function frame() {
  asked = 0;
  if (!begun) { begun = true; figure.refresh(); }
  const until = performance.now() + 10, { rows, unit } = curves;
  for (const row of [...rows].sort((a, b) => (b.name === figure.state.structure) - (a.name === figure.state.structure))) for (const turn of turns.slice(row.heights.length)) {
    row.heights.push(fit({ structure: row.name, turn, unit }).log);
    if (performance.now() > until) {
      asked = requestAnimationFrame(frame);
      if (!quiet.matches && until > shown + 150) { shown = until; figure.refresh(); } // to draw takes longer than a few fits
      return;
    }
  }
  curves.done = true;
  figure.refresh();
}

// The same room for every turn: as far as the farthest sample.
const far = unit => Math.max(...X.map(p => Math.hypot(unit * (p[0] - centre[0]), p[1] - centre[1])));
figure.draw = s => {
  const now = fit(s), r = 1.12 * far(s.unit);
  let logJoint;
  const ahead = (a, k) => a.reduce((least, v, l) => l === k ? least : Math.min(least, a[k] - v), Infinity);
  const borders = k => places => (logJoint ??= kernels.joint_log_density_kernel(places, now.weights, now.means, now.covariances)).map(a => ahead(a, k));
  Object.assign(plot.options, { x: [centre[0] - r, centre[0] + r], y: [centre[1] - r, centre[1] + r], xlabel: s.turn ? "turned" : info.axis_labels[0], ylabel: s.turn ? "turned" : info.axis_labels[1] });
  plot.begin();
  plot.points("sample", now.Y, mix(figure, now.resp));
  all.forEach(k => {
    for (const radius of [1, 2]) plot.ellipse(`ring${k}-${radius}`, now.means[k], now.covariances[k], radius, "k" + k);
    // Borders: where the log joint density of one is that of the best of the others. The first picture comes without.
    if (K > 1 && begun) contour(plot, "border" + k, borders(k), 0, "thin grey");
  });

  if (curves.unit !== s.unit) curves = { unit: s.unit, rows: names.map(name => ({ name, heights: [] })) };
  if (!curves.done) asked ||= requestAnimationFrame(frame);
  const heights = [...curves.rows.flatMap(row => row.heights), now.log], low = Math.min(...heights), high = Math.max(...heights), pad = 0.08 * (high - low) + 1;
  trace.options.y = [low - pad, high + pad];
  trace.begin();
  curves.rows.forEach(({ name, heights }, j) => {
    trace.line("curve" + j, heights.map((v, i) => [turns[i], v]), name === s.structure ? "" : "thin grey");
    if (heights.length) trace.text("name" + j, [trace.x(88), trace.y(heights.at(-1)) - 5], name, { anchor: "end", style: name === s.structure ? "strong" : "" });
  });
  trace.dot("now", [s.turn, now.log], "", 5);

  const labels = kernels.hard_labels_kernel(now.resp), p = kernels.n_parameters_kernel(K, 2, ["spherical", "diag", "tied", "full"].indexOf(s.structure));
  const bic = kernels.bic_kernel(now.log, p, n);
  // Misplaced: not of the majority of its component.
  const table = all.map(() => ({}));
  if (info.truth) labels.forEach((k, i) => { table[k][info.truth[i]] = (table[k][info.truth[i]] || 0) + 1; });
  const right = table.reduce((sum, row) => sum + Math.max(0, ...Object.values(row)), 0);
  figure.say(`${s.structure[0].toUpperCase() + s.structure.slice(1)}: ${p} parameters, log-likelihood ${number(now.log)}, BIC ${number(bic, 1)}${info.truth ? `, ${n - right} of ${n} misplaced` : ""}.`);
};
}]);
