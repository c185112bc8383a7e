// Spherical components with one variance, which goes to zero: means to drag, and their M-step alone.
// info: X, means, weights, variances [largest, smallest], labels, digits, x and y (limits)
(globalThis.gmmFigures ??= []).push(["sigma-slider", (figure, info) => {
"use strict";
const { kernels } = figure, { number, clip, mix, contour } = gmmLive, { X, weights } = info, n = X.length, K = weights.length;
const all = Array.from({ length: K }, (_, k) => k), [high, low] = info.variances.map(Math.log10);
// exponent: of the variance, to ten. It is the largest first.
figure.state = { means: info.means, exponent: high };
figure.check = s => {
  if (s.means.length !== K || !(s.exponent >= low && s.exponent <= high)) throw new Error("no such mixture");
};
const S = () => figure.state, power = v => 10 ** v, short = v => String(+v.toPrecision(2)), plain = v => typeof v === "number" ? v : Array.from(v, plain);
const shares = s => kernels.spherical_responsibilities_kernel(X, weights, s.means, power(s.exponent));
// The M-step of the means alone; says whether any of them moved by more than a thousandth of the picture.
function step() {
  const means = plain(kernels.update_means_kernel(X, shares(S()))), before = S().means;
  S().means = means;
  return means.some((mean, k) => mean.some((v, j) => Math.abs(v - before[k][j]) > 1e-3 * (info.x[1] - info.x[0])));
}

const plot = figure.plot({ label: "Samples and spherical components", x: info.x, y: info.y, equal: true, xlabel: info.labels[0], ylabel: info.labels[1], aspect: 0.72, narrow: 0.95 });
figure.slider("Variance σ²", { min: -high, max: -low, step: (high - low) / 66, get: () => -S().exponent, put: v => { S().exponent = clip(-v, low, high); }, text: v => short(power(-v)) });
figure.button("Means", () => { step(); }, { label: "One step of the means", main: true });
figure.runner(step);

figure.draw = s => {
  const resp = shares(s), variance = power(s.exponent), sd = Math.sqrt(variance), labels = kernels.nearest_centre_kernel(X, s.means);
  plot.points("sample", X, mix(figure, resp));
  // Borders of the nearest mean; the variance does not move them.
  const square = (p, m) => (p[0] - m[0]) ** 2 + (p[1] - m[1]) ** 2;
  if (K > 1) for (const k of all) contour(plot, "border" + k, places => places.map(p => square(p, s.means[k]) - Math.min(...s.means.filter((_, l) => l !== k).map(m => square(p, m)))), 0, "thin grey");
  for (const k of all) {
    plot.ellipse("ring" + k, s.means[k], [[variance, 0], [0, variance]], 1, "k" + k);
    plot.handle("mean" + k, { at: s.means[k], label: `Mean ${k + 1}`, value: s.means[k].map((v, j) => number(v, info.digits[j])).join(", "), style: "h" + k, drag: p => { S().means = S().means.map((m, j) => j === k ? p : m); } });
  }
  const undecided = resp.filter(row => Math.max(...row) < 0.99).length, entropy = kernels.responsibility_entropy_kernel(resp).reduce((a, b) => a + b, 0) / n;
  const counts = Array.from(kernels.effective_counts_kernel(resp), v => number(v, 1)).join(", ");
  figure.say(`σ² = ${short(variance)}: ${undecided} of ${n} samples have no responsibility of 0.99 or more; mean entropy ${number(entropy, 3)} nats; effective counts ${counts}. Sum of squares to the nearest mean ${number(kernels.kmeans_objective_kernel(X, plain(labels), s.means))}.`);
};
}]);
