// Hide coordinates of samples, and see the fit to what is left, against that with the rows deleted.
// info: X, starts ([weights, means, covariances] for each choice), axis_labels, names, digits, x, y (limits)
(globalThis.gmmFigures ??= []).push(["missing-cells", (figure, info) => {
"use strict";
const { kernels } = figure, { number, clip, chance } = gmmLive, { X } = info, n = X.length, still = matchMedia("(prefers-reduced-motion: reduce)");
const plain = v => typeof v === "number" ? v : Array.from(v, plain), sum = values => values.reduce((a, b) => a + b, 0);
// mask: of each sample, 1 if its first feature is hidden, plus 2 if its second is. hide: the feature that a click hides.
figure.state = { mask: X.map(() => 0), hide: 1, start: 0, cursor: 0 };
const S = () => figure.state;
figure.check = s => {
  if (s.mask.length !== n || !s.mask.every(v => [0, 1, 2, 3].includes(v)) || ![0, 1].includes(s.hide) || !info.starts[s.start] || !(Number.isInteger(s.cursor) && s.cursor >= 0 && s.cursor < n)) throw new Error("no such cells");
};

// ---- EM on what is left. A pattern: which rows have it, the features in order, observed ones first, and how many these are.
function observedFit(mask, start) {
  const [weights, means, covariances] = info.starts[start], components = weights.map((_, k) => k), fit = { weights, means, covariances };
  const kept = X.flatMap((_, i) => mask[i] < 3 ? [i] : []), Y = kept.map(i => X[i].map((v, j) => mask[i] >> j & 1 ? NaN : v));
  const patterns = [[0, [0, 1], 2], [1, [1, 0], 1], [2, [0, 1], 1]].map(([code, order, p]) => ({ rows: kept.flatMap((i, a) => mask[i] === code ? [a] : []), order, p })).filter(one => one.rows.length);
  fit.rows = kept.length;
  fit.eStep = () => {
    const logJoint = kernels.observed_joint_kernel(Y, fit.weights, fit.means, fit.covariances);
    fit.resp = kernels.log_responsibilities_kernel(logJoint).map(row => Array.from(row, Math.exp));
    return sum(kernels.log_sum_exp_kernel(logJoint));
  };
  // The expected moments of whole samples, about the old mean: those of each pattern add.
  fit.mStep = () => {
    const next = components.map(k => {
      const mean = fit.means[k], S1 = [0, 0], S2 = [[0, 0], [0, 0]];
      let total = 0;
      for (const { rows, order, p } of patterns) {
        const r = rows.map(i => fit.resp[i][k]), seen = order.slice(0, p), z = rows.map(i => seen.map(j => Y[i][j] - mean[j]));
        const count = sum(r), first = seen.map((_, a) => sum(z.map((v, i) => r[i] * v[a]))), second = seen.map((_, a) => seen.map((_, b) => sum(z.map((v, i) => r[i] * v[a] * v[b]))));
        const [one, two] = kernels.lifted_moments_kernel(count, first, second, fit.covariances[k], order, p);
        total += count;
        for (const a of [0, 1]) { S1[a] += one[a]; for (const b of [0, 1]) S2[a][b] += two[a][b]; }
      }
      const move = S1.map(v => v / total);
      return { total, mean: mean.map((v, a) => v + move[a]), covariance: S2.map((row, a) => row.map((v, b) => v / total - move[a] * move[b])) };
    });
    Object.assign(fit, { weights: next.map(one => one.total / fit.rows), means: next.map(one => one.mean), covariances: next.map(one => one.covariance) });
  };
  return fit;
}
function completeFit(rows, start) {
  const [weights, means, covariances] = info.starts[start], fit = { weights, means, covariances, rows: rows.length };
  fit.eStep = () => {
    const [logResp, log] = kernels.e_step_kernel(rows, fit.weights, fit.means, fit.covariances);
    fit.resp = logResp.map(row => Array.from(row, Math.exp));
    return log;
  };
  fit.mStep = () => { [fit.weights, fit.means, fit.covariances] = plain(kernels.m_step_kernel(rows, fit.resp, 0)); };
  return fit;
}
function iterate(fit) {
  if (fit.rows < 3) return Object.assign(fit, { done: true, failed: true });
  const log = fit.eStep();
  if (log - fit.log < 1e-8 * fit.rows || fit.iteration === 3000) return fit.done = true;
  fit.mStep();
  // Too few samples, or all of one component on a line: no covariance, and no bound for the likelihood.
  if (!fit.means.flat().every(Number.isFinite) || kernels.singular_component_kernel(fit.covariances) >= 0) return Object.assign(fit, { done: true, failed: true });
  fit.log = log;
  fit.iteration += 1;
}
let run = {}, whole = {}, asked = 0;
const wake = () => { asked ||= requestAnimationFrame(frame); };
const fresh = fit => Object.assign(fit, { log: -Infinity, iteration: 0 });
function begin(s) {
  if (whole.start !== s.start) whole = { start: s.start, fit: fresh(completeFit(X, s.start)) };
  run = { key: JSON.stringify([s.mask, s.start]), fits: [fresh(observedFit(s.mask, s.start)), fresh(completeFit(X.filter((_, i) => !s.mask[i]), s.start)), whole.fit] };
  wake();
}
const busy = () => run.fits.find(fit => !fit.done);
function frame() {
  asked = 0;
  const until = performance.now() + (still.matches ? 60 : 10);
  for (let fit; performance.now() < until && (fit = busy());) iterate(fit);
  if (busy()) wake();
  if (!busy() || !still.matches) figure.refresh();
}

// ---- hiding
const hidden = (s, i, j) => s.mask[i] >> j & 1;
function put(i, j, on) {
  const mask = S().mask.map((v, m) => m === i ? on ? v | 1 << j : v & ~(1 << j) : v);
  if (mask.filter(v => v < 3).length < 3) throw new Error("Three samples keep a value.");
  S().mask = mask;
}
function toggle(i) {
  const s = S();
  s.cursor = i;
  put(i, s.hide, !hidden(s, i, s.hide));
}
const far = (i, p) => Math.hypot(...plot.place(X[i]).map((v, j) => v - plot.place(p)[j]));
const nearest = p => X.reduce((best, _, i) => far(i, p) < far(best, p) ? i : best, 0);
const left = X.map((_, i) => i).sort((a, b) => X[a][0] - X[b][0] || X[a][1] - X[b][1]);
// Eight more at random; or two in three of the upper half, of the other feature or of the hidden one itself.
function some() {
  const s = S(), next = chance(sum(s.mask) + 7);
  const pool = X.map((_, i) => i).filter(i => !hidden(s, i, s.hide)).map(i => [next(), i]).sort((a, b) => a[0] - b[0]);
  for (const [, i] of pool.slice(0, 8)) put(i, s.hide, true);
}
function upper(feature) {
  const s = S(), order = X.map((_, i) => i).sort((a, b) => X[b][feature] - X[a][feature]).slice(0, Math.floor(n / 2));
  order.forEach((i, rank) => { if (rank % 3 < 2) put(i, s.hide, true); });
}

const NAMES = ["gaps integrated out", "rows deleted", "nothing hidden"];
const head = f => NAMES[f].replace("gaps ", "");  // a phone is narrow
const plot = figure.plot({
  label: "Samples, what is hidden, and three fits", x: info.x, y: info.y, xlabel: info.axis_labels[0], ylabel: info.axis_labels[1], aspect: 0.62, narrow: 0.95,
  press: p => { const i = nearest(p); if (far(i, p) <= 22) figure.change(() => toggle(i)); },
});
const moments = fit => {
  const mean = kernels.mixture_mean_kernel(fit.weights, fit.means), cov = kernels.mixture_covariance_kernel(fit.weights, fit.means, fit.covariances), sd = [0, 1].map(j => Math.sqrt(cov[j][j]));
  return { mean, sd, correlation: cov[0][1] / sd[0] / sd[1] };
};
const both = values => Array.from(values, (v, j) => number(v, info.digits[j])).join(", ");
figure.table(["fit", "rows", "mean", "sd", "correlation"], () => run.fits.map((fit, f) => {
  if (fit.failed) return [head(f), String(fit.rows), "–", "–", "–"];
  const { mean, sd, correlation } = moments(fit);
  return [head(f), String(fit.rows), both(mean), both(sd), number(correlation)];
}), figure.stage);
figure.choice("Hide", info.names.map((name, j) => [j, name]), () => S().hide, hide => { S().hide = hide; });
figure.button("8 at random", some, { label: "Hide eight more at random", off: s => s.mask.filter((_, i) => !hidden(s, i, s.hide)).length < 11 });
figure.button("where the other is high", () => upper(1 - S().hide), { label: "Hide where the other feature is high" });
figure.button("where it is high", () => upper(S().hide), { label: "Hide where the feature itself is high" });
figure.button("Show all", () => { S().mask = X.map(() => 0); }, { off: s => !s.mask.some(Boolean) });
if (info.starts.length > 1) figure.choice("Components", info.starts.map(([weights], i) => [i, String(weights.length)]), () => S().start, start => { S().start = start; });

// What the fit says of a hidden value, given the other: mean and standard deviation of the conditional mixture.
function expected(fit, i, j) {
  const order = [1 - j, j], parts = fit.means.map((mean, k) => kernels.conditional_gaussian_kernel(X[i], mean, fit.covariances[k], order, 1));
  const logJoint = kernels.observed_joint_kernel([X[i].map((v, l) => l === j ? NaN : v)], fit.weights, fit.means, fit.covariances);
  const w = Array.from(kernels.log_responsibilities_kernel(logJoint)[0], Math.exp), means = parts.map(part => plain(part[0])), covariances = parts.map(part => plain(part[1]));
  return [kernels.mixture_mean_kernel(w, means)[0], Math.sqrt(kernels.mixture_covariance_kernel(w, means, covariances)[0][0])];
}
figure.draw = s => {
  if (run.key !== JSON.stringify([s.mask, s.start])) begin(s);
  const [observed, deleted] = run.fits;
  X.forEach((p, i) => {
    if (!s.mask[i]) return plot.dot("sample" + i, p, "gl-sample", 3.5, "data");
    plot.dot("true" + i, p, "ring faint", 4, "data");
    if (s.mask[i] === 3) return;
    const j = s.mask[i] >> 1, ends = [plot.options.x, plot.options.y][j], at = v => j ? [p[0], v] : [v, p[1]];
    plot.line("line" + i, ends.map(at), "thin grey faint", "back");
    if (observed.failed) return;
    const [mean, sd] = expected(observed, i, j);
    plot.line("guess" + i, [at(mean - sd), at(mean + sd)], "p0 faint", "data");
    plot.dot("mean" + i, at(mean), "d0", 2.5, "data");
  });
  [2, 1, 0].forEach(f => { const fit = run.fits[f]; if (!fit.failed) fit.means.forEach((mean, k) => plot.ellipse(`ring${f}-${k}`, mean, fit.covariances[k], 2, "k" + f)); });
  const i = s.cursor, word = hidden(s, i, s.hide) ? "shows" : "hides";
  plot.handle("cursor", {
    at: X[i], label: "Sample", value: `${left.indexOf(i) + 1} of ${n} at ${both(X[i])}; Enter ${word} ${info.names[s.hide]}`, style: "pen",
    drag: p => { S().cursor = nearest(p); }, press: () => toggle(S().cursor),
    key: (dx, dy) => { S().cursor = left[clip(left.indexOf(S().cursor) + dx + dy, 0, n - 1)]; },
  });
  const count = sum(s.mask.map(v => (v & 1) + (v >> 1))), values = `${count} of ${2 * n} values hidden, in ${s.mask.filter(Boolean).length} rows.`;
  const gone = run.fits.findIndex(fit => fit.failed);
  if (gone >= 0) return figure.say(`${values} The fit with ${NAMES[gone]} has no answer: a component without samples, or on a line.`);
  const end = busy() ? "The fits are running." : `Iterations: ${observed.iteration} with them integrated out, ${deleted.iteration} with rows deleted.`;
  figure.say(`${values} Mean of ${info.names[s.hide]}: ${NAMES.map((name, f) => `${number(moments(run.fits[f]).mean[s.hide], info.digits[s.hide])} with ${name}`).join(", ")}. ${end}`);
};
}]);
