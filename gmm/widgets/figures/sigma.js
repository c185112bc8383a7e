// One variance for all, on a slider, and means to drag: responsibilities harden as it shrinks, and EM becomes k-means.
// info: X, labels, digits, weights, means, variances (limits, and the first), x, y.
(globalThis.gmmFigures ??= []).push(["sigma", (figure, info) => {
"use strict";
const { kernels } = figure, { number, mix } = gmmLive, { X, weights } = info, n = X.length, K = weights.length;
const plain = value => typeof value === "number" ? value : Array.from(value, plain);
figure.state = { exponent: Math.log10(info.variance), means: info.means };
const S = () => figure.state, [low, high] = info.range.map(Math.log10);
figure.check = s => {
  if (!(s.exponent >= low - 1e-6 && s.exponent <= high + 1e-6) || s.means.length !== K || !s.means.flat().every(Number.isFinite)) throw new Error("no such state");
};
const variance = () => 10 ** S().exponent, short = v => String(+v.toPrecision(2));
const responsibilities = () => kernels.spherical_responsibilities_kernel(X, weights, S().means, variance());
function step() {
  const before = S().means, resp = responsibilities(), counts = kernels.effective_counts_kernel(resp);
  const moved = plain(kernels.update_means_kernel(X, resp));
  S().means = moved.map((mean, k) => counts[k] > 1e-9 ? mean : before[k]); // a mean without samples stays, as in k-means
  return Math.max(...S().means.flatMap((mean, k) => mean.map((v, j) => Math.abs(v - before[k][j])))) > 1e-6 * (info.x[1] - info.x[0]);
}

const plot = figure.plot({ label: "Samples and means", x: info.x, y: info.y, xlabel: info.labels[0], ylabel: info.labels[1], aspect: 0.62, narrow: 0.9, equal: true });
figure.slider("Variance σ²", { min: low, max: high, step: (high - low) / 60, get: () => S().exponent, put: v => { S().exponent = v; }, text: v => short(10 ** v) });
figure.button("Move means", step, { main: true });
figure.runner(step, { speed: () => 4 });

figure.draw = s => {
  const resp = responsibilities(), sigma2 = variance(), colours = mix(figure, resp), largest = resp.map(row => Math.max(...row));
  plot.points("sample", X, colours);
  largest.forEach((r, i) => { if (r < 0.99) plot.dot("undecided" + i, X[i], "ring faint", 6, "back"); });
  s.means.forEach((mean, k) => {
    plot.ellipse("ring" + k, mean, [[sigma2, 0], [0, sigma2]], 1, `k${k} dashed`);
    plot.handle("mean" + k, {
      at: mean, label: `Mean ${k + 1}`, value: mean.map((v, j) => number(v, info.digits[j])).join(", "), style: "h" + k,
      drag: p => { S().means = S().means.map((one, m) => m === k ? p : one); },
    });
  });
  const undecided = largest.filter(r => r < 0.99).length, entropy = kernels.responsibility_entropy_kernel(resp).reduce((a, b) => a + b, 0) / n;
  const nearest = kernels.nearest_centre_kernel(X, s.means), apart = kernels.hard_labels_kernel(resp).filter((label, i) => label !== nearest[i]).length;
  figure.say(`σ² = ${short(sigma2)}: ${undecided} of ${n} samples have no responsibility of 0.99 or more (ringed); mean entropy ${number(entropy, 3)} nats; effective counts ${Array.from(kernels.effective_counts_kernel(resp), v => number(v, 1)).join(", ")}. `
    + (apart ? `${apart} ${apart === 1 ? "sample belongs" : "samples belong"} mostly to a mean that is not the nearest.` : "Each sample belongs mostly to its nearest mean."));
};
}]);
