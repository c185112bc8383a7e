// The ellipse of a covariance: two variances and a correlation, by slider or by the points where it touches its box.
// info: variances, correlation, ends (of the sliders), mean, labels, x and y (limits); X and best (log-likelihood) or null
(globalThis.gmmFigures ??= []).push(["ellipse-explorer", (figure, info) => {
"use strict";
const { kernels } = figure, { number, clip, pixelAxes } = gmmLive, { mean, ends, X } = info, most = 0.95;
figure.state = { variances: info.variances, correlation: info.correlation };
figure.check = s => {
  if (s.variances.length !== 2 || !s.variances.every((v, j) => v > 0 && v <= ends[j]) || !(Math.abs(s.correlation) <= most)) throw new Error("no covariance");
};
const S = () => figure.state, three = v => v === 0 ? "0.00" : v.toPrecision(3).replaceAll("-", "−");
const matrix = ({ variances: [a, c], correlation: r }) => [[a, r * Math.sqrt(a * c)], [r * Math.sqrt(a * c), c]];
// Half-lengths and angles of the axes; above −90 and up to 90 degrees.
function axes(covariance) {
  return pixelAxes({ sx: 1, sy: -1 }, covariance).map(({ length, angle }) => {
    const degrees = angle * 180 / Math.PI;
    return { length, angle, degrees: degrees > 90 ? degrees - 180 : degrees <= -90 ? degrees + 180 : degrees };
  });
}
const plot = figure.plot({ label: "Ellipses of one, two and three standard deviations", x: info.x, y: info.y, equal: true, xlabel: info.labels[0], ylabel: info.labels[1], aspect: 0.8, narrow: 0.95 });
figure.table(["axis", "eigenvalue", "half-length", "angle"], s => axes(matrix(s)).map(({ length, degrees }, k) => [String(k + 1), three(length * length), three(length), number(degrees, 0) + "°"]));
const put = (j, value) => { S().variances = S().variances.map((v, m) => m === j ? clip(value, ends[j] / 400, ends[j]) : v); };
["Variance of x₁", "Variance of x₂"].forEach((name, j) => figure.slider(name, { min: ends[j] / 40, max: ends[j], step: ends[j] / 40, get: () => S().variances[j], put: v => put(j, v), text: three }));
figure.slider("Correlation", { min: -most, max: most, step: 0.05, get: () => S().correlation, put: v => { S().correlation = clip(+v.toFixed(6), -most, most); } });

figure.draw = s => {
  const covariance = matrix(s), L = kernels.cholesky_kernel(covariance), sd = s.variances.map(Math.sqrt), r = s.correlation;
  if (X) plot.points("sample", X);
  for (const radius of [3, 2, 1]) plot.ellipse("ring" + radius, mean, covariance, radius, radius === 1 ? "" : "thin");
  plot.line("box", [[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]].map(c => mean.map((m, j) => m + c[j] * sd[j])), "dashed thin");
  axes(covariance).forEach(({ length, angle }, k) => plot.line("axis" + k, [mean, [mean[0] + length * Math.cos(angle), mean[1] + length * Math.sin(angle)]], `k${k} wide`));
  [0, 1].forEach(j => plot.handle("touch" + j, {
    at: mean.map((m, i) => m + (i === j ? 1 : r) * sd[i]), label: `Variance of ${["x₁", "x₂"][j]} and correlation`, value: `variance ${three(s.variances[j])}, correlation ${number(r)}`,
    drag: p => {
      const u = p.map((v, i) => v - mean[i]);
      put(j, Math.max(u[j], 0) ** 2);
      S().correlation = clip(u[1 - j] / sd[1 - j], -most, most);
    },
    key: (dx, dy) => {
      const [own, other] = j ? [dy, dx] : [dx, dy];
      put(j, (sd[j] * 1.05 ** own) ** 2);
      S().correlation = clip(r + 0.02 * other, -most, most);
    },
  }));
  const root = L[0][0] * L[1][1], [peak] = kernels.gaussian_log_density_kernel([mean], mean, L);
  let text = `Variances ${three(covariance[0][0])} and ${three(covariance[1][1])}, correlation ${number(r)}, covariance ${three(covariance[0][1])}. Root of the determinant ${three(root)}; density at the peak ${three(Math.exp(peak))}.`;
  if (X) {
    const squares = kernels.mahalanobis_squared_kernel(X, mean, L), inside = [1, 4, 9].map(limit => squares.filter(v => v <= limit).length);
    text += ` Inside 1, 2, 3 sigmas: ${inside.join(", ")} of ${X.length}. Log-likelihood ${number(kernels.gaussian_log_likelihood_kernel(X, mean, L))}, at most ${number(info.best)}.`;
  }
  figure.say(text);
};
}]);
