// Two groups on the line, nearer or farther apart: how the gap to the maximum shrinks, and where a tolerance stops EM.
// info: noise (standard normal, half of it for each group), separation, tol (its power of ten), limit (iterations).
(globalThis.gmmFigures ??= []).push(["rates", (figure, info) => {
"use strict";
const { kernels } = figure, { number, clip } = gmmLive, { noise, limit } = info, n = noise.length, floor = -9;
figure.state = { separation: info.separation, tol: info.tol };
const S = () => figure.state, power = p => p < -3 ? "10" + [..."⁻" + -p].map(c => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c] ?? c).join("") : String(10 ** p);
figure.check = s => { if (!(s.separation >= 1 && s.separation <= 6 && s.tol >= floor && s.tol <= -1)) throw new Error("no such state"); };

// All parameters are free; the start is at the true means, with the true variances.
let run = {};
function climb(separation) {
  const X = noise.map((z, i) => [z + (2 * i >= n ? separation : 0)]);
  const start = [[0.5, 0.5], [[0], [separation]], [[[1]], [[1]]]];
  const [weights, means, covariances, history, , , singular] = kernels.em_kernel(X, ...start, 1e-15, limit, 0);
  if (singular >= 0) throw new Error("A component collapsed; move the groups.");
  return { separation, X, start, end: [weights, means, covariances], history: Array.from(history), top: history.at(-1) };
}
const gap = t => Math.log10(Math.max(run.top - run.history[t], 1e-300));

const plot = figure.plot({
  label: "Gap to the maximum over the iterations", x: [0, 100], y: [floor, 1], xlabel: "iteration", ylabel: "gap to the maximum", aspect: 0.66, narrow: 0.8,
  ytick: [0, -2, -4, -6, -8].map(p => [p, power(p)]),
});
const line = figure.plot({ label: "Density where EM stops, and at the maximum", x: [-4, 10], y: [0, 0.45], xlabel: "x", ylabel: "density", aspect: 0.85, narrow: 0.5, side: true, yticks: 3 });
figure.slider("Groups apart (sd)", { min: 1.5, max: 6, step: 0.1, get: () => S().separation, put: v => { S().separation = v; }, text: v => number(v, 1) });
figure.slider("Tolerance", { min: floor, max: -1, step: 0.5, get: () => S().tol, put: v => { S().tol = v; }, text: v => (10 ** v).toExponential(0).replace("e-", " × 10⁻").replace(/⁻(\d)/, (_, d) => "⁻" + "⁰¹²³⁴⁵⁶⁷⁸⁹"[d]) });

figure.draw = s => {
  if (run.separation !== s.separation) run = climb(s.separation);
  const { history, X } = run, tol = 10 ** s.tol, last = history.length - 1;
  let stop = 1;
  while (stop < last && !kernels.has_converged_kernel(history[stop - 1], history[stop], n, tol)) stop++;
  // The rate, from the gaps where they are still far above rounding.
  let end = 0;
  while (end < last - 1 && run.top - history[end + 1] > 1e-7) end++;
  const ratio = end > 0 ? (run.top - history[end]) / (run.top - history[end - 1]) : 0, wide = Math.max(20, Math.min(last, Math.ceil(1.15 * Math.max(stop, Math.min(end, 400)))));
  plot.options.x = [0, wide];
  plot.begin();
  const shown = history.slice(0, wide + 1).map((_, t) => [t, gap(t)]).filter(p => p[1] > floor - 1);
  plot.line("gap", shown, "k0");
  plot.line("stop", [[stop, floor], [stop, 1]], "grey dashed");
  plot.label("stop name", [stop, 0.6], "stops", { anchor: stop > 0.8 * wide ? "end" : "start", style: "beside" });
  const left = run.top - history[stop];
  plot.handle("tolerance", {
    at: [stop, clip(gap(stop), floor, 1)], label: "Where EM stops", value: `iteration ${stop}`, style: "h1",
    drag: p => { // the tolerance that stops there
      const t = clip(Math.round(p[0]), 1, last);
      S().tol = clip(Math.log10(Math.max(Math.abs(history[t] - history[t - 1]) / n, 1e-300)) + 1e-9, floor, -1);
    },
    key: (dx, dy) => { S().tol = clip(S().tol - 0.5 * Math.sign(dx || -dy), floor, -1); },
  });

  const grid = Array.from({ length: 161 }, (_, i) => -4 + (s.separation + 8) * i / 160), points = grid.map(v => [v]);
  const there = kernels.em_kernel(X, ...run.start, 0, stop, 0), curve = part => Array.from(kernels.mixture_log_density_kernel(points, ...part), (v, i) => [grid[i], Math.exp(v)]);
  line.options.x = [-4, s.separation + 4];
  line.begin();
  line.line("end", curve(run.end), "grey thick");
  line.line("here", curve(there.slice(0, 3)), "k1");
  X.forEach(([v], i) => line.line("sample" + i, [[v, 0], [v, 0.012]], "grey thin"));
  const gain = history[stop] - history[stop - 1], before = stop > 1 ? history[stop - 1] - history[stop - 2] : NaN, r = gain / before;
  const predicted = r > 0 && r < 1 ? ` The last two gains predict ${short(gain * r / (1 - r))}.` : "";
  figure.say(`${number(s.separation, 1)} sd apart: EM stops after ${stop} ${stop === 1 ? "iteration" : "iterations"}, with a log-likelihood of ${short(left)} still to gain.${predicted} Near the maximum each iteration leaves ${number(100 * ratio, 1)} per cent of the gap: rate ${number(Math.sqrt(ratio), 3)}.`);
};
function short(v) {
  return v >= 1e-3 ? String(+v.toPrecision(2)) : v < 1e-9 ? "less than 10⁻⁹" : v.toExponential(1).replace("e-", " × 10⁻").replace(/⁻(\d+)/, (_, d) => "⁻" + [...d].map(c => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c]).join(""));
}
}]);
