// A spike on one value narrows: the log-likelihood over its width, with and without a ridge, and where EM goes.
// info: x, label, unit, centre, weight, mean, variance (of the broad component), widths (limits), amounts (of the ridge), ylim.
(globalThis.gmmFigures ??= []).push(["spike", (figure, info) => {
"use strict";
const { kernels } = figure, { number, clip } = gmmLive, { x, mean, variance } = info, n = x.length;
const lg = Math.log10, [narrow, wide] = info.widths.map(lg), values = [...new Set(x)].sort((a, b) => a - b);
const short = v => v >= 0.995 ? number(v) : v >= 1e-3 ? String(+v.toPrecision(2)) : v.toExponential(0).replace("e-", " × 10⁻").replace(/⁻(\d+)/, (_, d) => "⁻" + [...d].map(c => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c]).join(""));
// sigma: the spike's own width; the ridge adds to its variance. trail: widths that EM has passed, without and with ridge.
figure.state = { sigma: info.start, centre: info.centre, weight: info.weight, amount: 0, trail: [] };
const S = () => figure.state;
figure.check = s => {
  if (!(s.sigma > 0 && s.weight > 0 && s.weight < 1 && info.amounts.includes(s.amount)) || !values.includes(s.centre)) throw new Error("no such spike");
};
const height = (sigma, s) => kernels.collapse_log_likelihood_kernel(x, s.centre, s.weight, mean, variance, sigma);
// With a ridge, no width is below its root: the width that counts is that of sigma² + amount.
const ridged = (sigma, amount) => Math.sqrt(sigma * sigma + amount);
const X = x.map(v => [v]);
// EM's next width of the spike, all else held: the M-step's variance about the fixed centre, plus the ridge.
function next(s) {
  const weights = [s.weight, 1 - s.weight], means = [[s.centre], [mean]];
  const [logResp] = kernels.e_step_kernel(X, weights, means, [[[s.sigma ** 2]], [[variance]]]);
  const resp = logResp.map(row => Array.from(row, Math.exp));
  const after = kernels.ridge_kernel(kernels.update_covariances_kernel(X, resp, means)[0], s.amount)[0][0];
  return Math.sqrt(after);
}
const least = s => Math.max(info.widths[0], Math.sqrt(s.amount));
function step() {
  const s = S(), to = next(s), end = !(to > info.widths[0]);
  const before = s.sigma;
  s.sigma = clip(to, info.widths[0], info.widths[1]);
  s.trail = [...s.trail.slice(-60), before];
  return !end && Math.abs(lg(s.sigma) - lg(before)) > 1e-4;
}
const place = sigma => -lg(sigma);
const powers = Array.from({ length: Math.floor(wide) - Math.ceil(narrow) + 1 }, (_, i) => Math.ceil(narrow) + i);
const curve = figure.plot({
  label: "Log-likelihood over the width of the spike", x: [-wide, -narrow], y: info.ylim, aspect: 0.62, narrow: 0.85, yticks: 5,
  xlabel: `width σ of the spike (${info.unit}), narrower to the right`, ylabel: "log-likelihood",
  xtick: powers.filter(p => p % 2 === 0).reverse().map(p => [-p, p >= 0 ? String(10 ** p) : p > -4 ? String(10 ** p) : "10" + [..."⁻" + -p].map(c => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c] ?? c).join("")]),
});
const near = figure.plot({ label: "The density about the spike", x: [0, 1], y: [0, 1], xlabel: info.label, ylabel: "density", aspect: 0.8, narrow: 0.5, side: true, yticks: 3 });

figure.button("EM step", step, { main: true });
figure.runner(step, { speed: () => 4, limit: 200 });
figure.choice("Ridge ε", info.amounts.map(a => [a, a ? short(a) : "none"]), () => S().amount, a => { Object.assign(S(), { amount: a, trail: [] }); S().sigma = Math.max(S().sigma, Math.sqrt(a)); });
figure.slider("Centre", { min: 0, max: values.length - 1, step: 1, get: () => values.indexOf(S().centre), put: i => { Object.assign(S(), { centre: values[i], trail: [] }); }, text: i => `${values[i]} ${info.unit}, ${x.filter(v => v === values[i]).length} of ${n} samples` });
figure.slider("Weight", { min: 0.02, max: 0.6, step: 0.02, get: () => S().weight, put: v => { Object.assign(S(), { weight: v, trail: [] }); } });

figure.draw = s => {
  const sigmas = Array.from({ length: 240 }, (_, i) => 10 ** (wide + (narrow - wide) * i / 239));
  const [low, high] = info.ylim, seen = v => clip(v, low - (high - low), high + (high - low));
  curve.line("free", sigmas.map(sigma => [place(sigma), seen(height(sigma, s))]), "k0");
  curve.label("free name", [-narrow, clip(height(info.widths[0], s), low, high)], "no ridge", { anchor: "end", style: "above" });
  if (s.amount) {
    const root = Math.sqrt(s.amount);
    curve.line("ridge", sigmas.map(sigma => [place(sigma), seen(height(ridged(sigma, s.amount), s))]), "k1");
    curve.line("floor", [[place(root), low], [place(root), high]], "grey dashed thin");
    curve.text("floor name", [curve.x(place(root)) + 5, curve.bottom - 8], "√ε", { anchor: "start" });
    curve.label("ridge name", [-narrow, clip(height(root, s), low, high)], `σ² + ε`, { anchor: "end", style: "above" });
  }
  s.trail.forEach((sigma, i) => curve.dot("trail" + i, [place(sigma), clip(height(sigma, s), low, high)], "d2", 3));
  const ell = height(s.sigma, s), to = next(s);
  curve.handle("width", {
    at: [place(s.sigma), clip(ell, low, high)], label: "Width of the spike", value: `${short(s.sigma)} ${info.unit}, log-likelihood ${number(ell, 1)}`, style: "h0",
    drag: p => { Object.assign(S(), { sigma: clip(10 ** -p[0], least(S()), info.widths[1]), trail: [] }); },
    key: dx => { Object.assign(S(), { sigma: clip(S().sigma * 10 ** (-dx / 20), least(S()), info.widths[1]), trail: [] }); },
  });

  const half = clip(5 * s.sigma, 3, 25), grid = Array.from({ length: 241 }, (_, i) => s.centre + half * (i / 120 - 1));
  const density = kernels.mixture_log_density_kernel(grid.map(v => [v]), [s.weight, 1 - s.weight], [[s.centre], [mean]], [[[s.sigma ** 2]], [[variance]]]);
  const heights = Array.from(density, Math.exp), top = Math.min(Math.max(...heights), 0.6) * 1.1;
  Object.assign(near.options, { x: [s.centre - half, s.centre + half], y: [0, top] });
  near.begin();
  near.line("density", grid.map((v, i) => [v, Math.min(heights[i], 3 * top)]), "k0");
  const bins = new Map();
  for (const v of x) if (Math.abs(v - s.centre) < half) bins.set(v, (bins.get(v) || 0) + 1);
  for (const [v, count] of bins) near.line("sample" + v, [[v, 0], [v, Math.min(top, 0.012 * count * top / 0.2)]], "grey thick");

  const way = Math.abs(to / s.sigma - 1) < 1e-3 ? "stays" : to < s.sigma ? "narrows it" : "widens it";
  const more = s.amount ? ` With the ridge, no width falls below ${short(Math.sqrt(s.amount))} ${info.unit}.` : "";
  figure.say(`σ = ${short(s.sigma)} ${info.unit}: log-likelihood ${number(ell)}. EM's next width is ${to > info.widths[0] ? short(to) : "below all that is drawn"}: it ${way}.${more}`);
};
}]);
