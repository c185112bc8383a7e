// One free mean of a mixture on the line: the log-likelihood, and the bound of the last E-step below it.
// info: X (a column), weights, means, covariances, component, limits, label, digits
(globalThis.gmmFigures ??= []).push(["elbo-curve", (figure, info) => {
"use strict";
const { kernels } = figure, { number, clip } = gmmLive, { X, weights, covariances, component: c } = info, [low, high] = info.limits;
const first = info.means[c][0];
// mean: the free one. touched: where the last E-step was, and old: the one before.
figure.state = { mean: first, touched: first, old: null, step: "" };
figure.check = s => {
  if (![s.mean, s.touched].every(v => v >= low && v <= high)) throw new Error("no such mean");
};
const S = () => figure.state, theta = mean => [weights, info.means.map((m, k) => k === c ? [mean] : m), covariances];
const height = mean => kernels.log_likelihood_kernel(X, ...theta(mean));
const joint = mean => kernels.joint_log_density_kernel(X, ...theta(mean));
const shares = mean => kernels.log_responsibilities_kernel(joint(mean)).map(row => row.map(Math.exp));
const grid = Array.from({ length: 81 }, (_, i) => low + (high - low) * i / 80), curve = grid.map(height);
const known = new Map(); // the bound over the grid, for each mean of an E-step
function bound(touched) {
  if (known.size > 20) known.clear();
  if (!known.has(touched)) {
    const resp = shares(touched);
    known.set(touched, { at: mean => kernels.elbo_kernel(resp, joint(mean)), top: kernels.update_means_kernel(X, resp)[c][0] });
    known.get(touched).values = grid.map(known.get(touched).at);
  }
  return known.get(touched);
}
const eStep = () => { const s = S(); Object.assign(s, { old: s.touched, touched: s.mean, step: "E" }); };
const mStep = () => { S().mean = clip(bound(S().touched).top, low, high); S().step = "M"; };
const bottom = Math.min(...curve), top = Math.max(...curve), span = top - bottom, floor = bottom - 0.6 * span;

const plot = figure.plot({ label: "Log-likelihood and bound over one mean", x: info.limits, y: [floor, top], xlabel: info.label, ylabel: "total", aspect: 0.6, narrow: 0.85, top: 16, grab: "mean" });
figure.button("E-step", eStep, { main: true, off: s => s.touched === s.mean });
figure.button("M-step", mStep, { main: true, off: s => Math.abs(bound(s.touched).top - s.mean) < 1e-9 });
figure.runner(() => {
  const s = S();
  if (s.touched !== s.mean) { eStep(); return true; }
  mStep();
  return Math.abs(s.touched - s.mean) > 1e-4 * (high - low);
});

figure.draw = s => {
  const now = bound(s.touched), above = height(s.mean), below = now.at(s.mean), gap = above - below;
  // The upper part, where the steps are, unless the mean or its bound is lower.
  if (!figure.held) {
    const low = Math.max(floor, Math.min(top - 0.4 * span, Math.min(above, below) - 0.05 * span));
    plot.options.y = [low, top + 0.12 * (top - low)];
  }
  plot.begin();
  const pair = values => grid.map((x, i) => [x, Math.max(values[i], floor - 100)]);
  plot.line("curve", pair(curve), "thick grey", "back");
  if (s.old !== null && s.step === "E") plot.line("old", pair(bound(s.old).values), "k1 faint", "data");
  plot.line("bound", pair(now.values), "k0", "data");
  plot.line("gap", [[s.mean, above], [s.mean, Math.max(below, floor)]], "dashed");
  plot.dot("touch", [s.touched, height(s.touched)], "d0", 4);
  plot.cross("top", [now.top, now.at(now.top)], "p0");
  const half = curve.findIndex(v => v > (plot.y0 + plot.y1) / 2); // where it rises, the bound is on its right
  if (half > 0) plot.label("name", [grid[half], curve[half]], "log-likelihood", { anchor: "end", style: "before" });
  plot.handle("mean", { at: [s.mean, Math.max(above, plot.y0)], label: "Free mean", value: `${number(s.mean, info.digits)}, log-likelihood ${number(above)}, bound ${number(below)}`,
    drag: p => Object.assign(S(), { mean: clip(p[0], low, high), step: "" }), key: dx => Object.assign(S(), { mean: clip(s.mean + dx * (high - low) / 100, low, high), step: "" }) });
  const begin = { E: "E-step: the bound touches at the mean, ", M: "M-step: the mean is at the top of the bound, ", "": "Mean " }[s.step];
  figure.say(`${begin}${number(s.mean, info.digits)}. Log-likelihood ${number(above)}, bound ${number(below)}, gap ${number(gap, 3)}.`);
};
}]);
